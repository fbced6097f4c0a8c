package import Hummingbird
import NIOCore
package import Runtime
import ServiceLifecycle
import Synchronization

/// One event of a `text/event-stream`.
package struct ServerSentEvent: Hashable, Sendable {
    package var name: String
    /// What a client sends back as `Last-Event-ID` when it comes again.
    package var id: String?
    /// One line or several.
    package var data: String

    package init(name: String, id: String?, data: String) {
        self.name = name
        self.id = id
        self.data = data
    }

    package var text: String {
        let lines: String = data.split(separator: "\n", omittingEmptySubsequences: false).map { "data: \($0)\n" }
            .joined()
        return "event: \(name)\n" + (id.map { "id: \($0)\n" } ?? "") + lines + "\n"
    }
}

/// Serves server-sent events: a comment now and then so that nothing on the way closes a quiet connection, a limit on
/// how many listen at once, and an end at shutdown (a stream that goes on would hold the server up).
package final class EventStreams: Sendable {
    private let limit: Int
    private let heartbeat: Duration
    private let clock: any Clock<Duration>
    private let open = Mutex(0)
    private let gauge: GaugeInstrument

    /// `gauge` shows how many clients listen.
    package init(
        limit: Int = 200, heartbeat: Duration = .seconds(15), clock: any Clock<Duration> = ContinuousClock(),
        gauge: GaugeInstrument = GaugeInstrument()
    ) {
        self.gauge = gauge
        self.limit = limit
        self.heartbeat = heartbeat
        self.clock = clock
    }

    /// How many clients listen now.
    package var openCount: Int { open.withLock { $0 } }

    /// An answer that lasts as long as `events` do, the client stays and the server runs.
    package func response(
        _ events: @escaping @Sendable () async -> AsyncStream<ServerSentEvent>
    ) throws(HTTPProblem) -> Response {
        let fits: Bool = open.withLock { $0 < limit }
        guard fits else { throw HTTPProblem(.serviceUnavailable, "\(limit) clients listen already") }
        return Response(
            status: .ok,
            headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
            body: ResponseBody { [self] writer in
                count(1)
                defer { count(-1) }
                // A comment at once: the client knows that it is connected before anything happens.
                try await writer.write(ByteBuffer(string: ": connected\n\n"))
                for await text in await texts(events).cancelOnGracefulShutdown() {
                    try await writer.write(ByteBuffer(string: text))
                }
                try await writer.finish(nil)
            })
    }

    private func count(_ change: Int) {
        open.withLock { $0 += change }
        gauge.add(Double(change))
    }

    /// The events and the comments between them, as they go over the wire.
    private func texts(
        _ events: @escaping @Sendable () async -> AsyncStream<ServerSentEvent>
    ) async -> AsyncStream<String> {
        let source: AsyncStream<ServerSentEvent> = await events()
        let (stream, continuation) = AsyncStream<String>.makeStream(bufferingPolicy: .bufferingNewest(256))
        // Not children of the response's task: the stream's end, from whichever side, is what ends them.
        let pump = Task {
            for await event in source { continuation.yield(event.text) }
            continuation.finish()
        }
        let comments = Task { [heartbeat, clock] in
            while true {
                try await clock.sleep(for: heartbeat)
                continuation.yield(": still here\n\n")
            }
        }
        continuation.onTermination = { _ in
            pump.cancel()
            comments.cancel()
        }
        return stream
    }
}
