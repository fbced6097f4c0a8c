import Declarations
package import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Reconciliation
package import Runtime
import ServiceLifecycle
import Telemetry

/// Serves `/healthz`, `/metrics` and `POST /hooks/git` on loopback. The hook says that git may have moved; it carries
/// nothing that is believed, so it needs no secret.
package struct HealthServer: Service {
    private let address: ListenAddress
    private let health: SyncHealth
    private let queue: RunQueue
    private let logger: Logger
    private let onListening: @Sendable (Int) -> Void

    package init(
        address: ListenAddress, health: SyncHealth, queue: RunQueue, logger: Logger,
        onListening: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        self.address = address
        self.health = health
        self.queue = queue
        self.logger = logger
        self.onListening = onListening
    }

    private typealias Connection = NIOAsyncChannel<HTTPServerRequestPart, HTTPServerResponsePart>

    package func run() async throws {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .bind(host: address.host, port: address.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    return try Connection(wrappingChannelSynchronously: channel)
                }
            }
        onListening(server.channel.localAddress?.port ?? address.port)
        do {
            try await cancelWhenGracefulShutdown { try await serve(server) }
        } catch is CancellationError {
            // How a shutdown ends the loop over connections.
        }
    }

    private func serve(_ server: NIOAsyncChannel<Connection, Never>) async throws {
        try await server.executeThenClose { connections in
            try await withThrowingDiscardingTaskGroup { group in
                for try await connection in connections {
                    group.addTask { await serve(connection) }
                }
            }
        }
    }

    /// One request to a connection: whoever asks here asks seldom.
    private func serve(_ connection: Connection) async {
        do {
            try await connection.executeThenClose { inbound, outbound in
                var head: HTTPRequestHead?
                for try await part in inbound {
                    if case .head(let received) = part { head = received }
                    if case .end = part { break }
                }
                guard let head else { return }
                let (status, type, body) = answer(head)
                var fields = HTTPHeaders()
                fields.add(name: "Content-Type", value: type)
                fields.add(name: "Content-Length", value: "\(body.utf8.count)")
                fields.add(name: "Connection", value: "close")
                let response = HTTPResponseHead(version: .http1_1, status: status, headers: fields)
                try await outbound.write(.head(response))
                try await outbound.write(.body(.byteBuffer(ByteBuffer(string: body))))
                try await outbound.write(.end(nil))
            }
        } catch {
            logger.debug("health connection ended", metadata: .of([.error: "\(error)"]))
        }
    }

    private func answer(_ head: HTTPRequestHead) -> (HTTPResponseStatus, String, String) {
        switch (head.method, head.uri) {
        case (.GET, "/healthz"), (.GET, "/readyz"):
            let isHealthy: Bool = health.isHealthy(at: Timestamp.now())
            let body: JSONValue = .object(compacting: [
                "status": isHealthy ? "ok" : "stalled", "lastOutcome": health.lastOutcome.map { .string($0.rawValue) },
            ])
            return (isHealthy ? .ok : .serviceUnavailable, "application/json", body.canonicalText)
        case (.GET, "/metrics"): return (.ok, "text/plain; version=0.0.4; charset=utf-8", health.exposition)
        case (.POST, "/hooks/git"):
            queue.trigger(.webhook)
            return (.accepted, "application/json", "{\"status\":\"a run is under way\"}")
        case (_, "/healthz"), (_, "/readyz"), (_, "/metrics"), (_, "/hooks/git"):
            return (.methodNotAllowed, "application/json", "{\"error\":\"another method is expected here\"}")
        default: return (.notFound, "application/json", "{\"error\":\"there is nothing here\"}")
        }
    }
}
