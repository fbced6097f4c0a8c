import AsyncHTTPClient
import ConfigAPI
import ConfigAPIServer
import Declarations
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import Testing

@Suite struct ConfigEventsTests {
    @Test func aListenerHearsThePresentStateAndEachChange() async throws {
        let backend = InMemoryBackend()
        try await withServer(backend) { server in
            let response: HTTPClientResponse = try await server.events()
            #expect(response.headers.first(name: "content-type") == "text/event-stream")
            var lines = EventLines(response.body)
            let present: String? = try await lines.nextID()
            #expect(present == "1")
            _ = try await server.send("PATCH", "/v1/config", body: Self.emptyPatch(1).json)
            let changed: String? = try await lines.nextID()
            #expect(changed == "2")
        }
    }

    @Test func whoComesAgainHearsOnlyWhatIsNew() async throws {
        let backend = InMemoryBackend()
        try await withServer(backend) { server in
            var lines = EventLines(try await server.events(lastEventID: "1").body)
            try await backend.waitForListeners(1)
            _ = try await server.send("PATCH", "/v1/config", body: Self.emptyPatch(1).json)
            let new: String? = try await lines.nextID()
            #expect(new == "2")
            var later = EventLines(try await server.events(lastEventID: "1").body)
            let missed: String? = try await later.nextID()
            #expect(missed == "2")
        }
    }

    @Test func aQuietStreamSendsComments() async throws {
        try await withServer(InMemoryBackend(), streams: EventStreams(heartbeat: .milliseconds(20))) { server in
            var lines = EventLines(try await server.events().body)
            let comment: String? = try await lines.next { $0 == ": still here" }
            #expect(comment != nil)
        }
    }

    @Test func openStreamsDoNotHoldUpTheEnd() async throws {
        let start: ContinuousClock.Instant = .now
        var rest: String? = "unread"
        try await withServer(InMemoryBackend()) { server in
            var lines = EventLines(try await server.events().body)
            _ = try await lines.nextID()
            await server.group.triggerGracefulShutdown()
            rest = try await lines.next { $0.hasPrefix("id:") }
        }
        #expect(rest == nil)
        #expect(.now - start < .seconds(8))
    }

    @Test func listenersPastTheLimitAreTurnedAway() async throws {
        let streams = EventStreams(limit: 1)
        try await withServer(InMemoryBackend(), streams: streams) { server in
            var lines = EventLines(try await server.events().body)
            _ = try await lines.nextID()
            let refused: HTTPClientResponse = try await server.events()
            #expect(refused.status == .serviceUnavailable)
        }
        #expect(streams.openCount == 0)
    }

    private static func emptyPatch(_ generation: Int) -> ConfigPatch {
        ConfigPatch(
            requestId: "r\(generation)", storeId: "5f0c0a52-9d1f-4a0e-8a9e-000000000001", generation: generation,
            revision: nil, leaseEpoch: nil, changes: [])
    }
}

/// Reads a body line by line.
private struct EventLines {
    private var iterator: AsyncThrowingStream<String, any Error>.Iterator

    init(_ body: HTTPClientResponse.Body) {
        let (lines, continuation) = AsyncThrowingStream<String, any Error>.makeStream()
        let reader = Task {
            var buffer: [UInt8] = []
            do {
                for try await part in body {
                    buffer += part.readableBytesView
                    while let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
                        continuation.yield(String(decoding: buffer[..<end], as: UTF8.self))
                        buffer.removeSubrange(...end)
                    }
                }
                continuation.finish()
            } catch { continuation.finish(throwing: error) }
        }
        continuation.onTermination = { _ in reader.cancel() }
        iterator = lines.makeAsyncIterator()
    }

    mutating func nextID() async throws -> String? {
        try await next { $0.hasPrefix("id: ") }.map { String($0.dropFirst(4)) }
    }

    mutating func next(where matches: (String) -> Bool) async throws -> String? {
        while let line = try await iterator.next(isolation: #isolation) {
            if matches(line) { return line }
        }
        return nil
    }
}

extension InMemoryBackend {
    func waitForListeners(_ count: Int) async throws {
        let deadline: ContinuousClock.Instant = .now + .seconds(5)
        while listenerCount < count, ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(2)) }
    }
}
