import Declarations
package import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Reconciliation
package import Runtime
import ServiceLifecycle
import Telemetry

/// Serves `/healthz`, `/metrics` and `POST /hooks/git` on loopback.
package struct HealthServer: Service {
    private let address: ListenAddress
    private let health: SyncHealth
    private let hook: WebhookGate
    private let logger: Logger
    private let onListening: @Sendable (Int) -> Void

    package init(
        address: ListenAddress, health: SyncHealth, hook: WebhookGate, logger: Logger,
        onListening: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        self.address = address
        self.health = health
        self.hook = hook
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
                var received: [UInt8] = []
                for try await part in inbound {
                    if case .head(let start) = part { head = start }
                    if case .body(let bytes) = part { received += bytes.readableBytesView }
                    if case .end = part { break }
                    if received.count > WebhookSecret.bodyLimit { break }
                }
                guard let head else { return }
                let (status, type, body) = answer(head, received)
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

    private func answer(_ head: HTTPRequestHead, _ received: [UInt8]) -> (HTTPResponseStatus, String, String) {
        switch (head.method, head.uri) {
        case (.GET, "/healthz"), (.GET, "/readyz"):
            let isHealthy: Bool = health.isHealthy
            let body: JSONValue = .object(compacting: [
                "status": isHealthy ? "ok" : "stalled", "lastOutcome": health.lastOutcome.map { .string($0.rawValue) },
            ])
            return (isHealthy ? .ok : .serviceUnavailable, "application/json", body.canonicalText)
        case (.GET, "/metrics"): return (.ok, "text/plain; version=0.0.4; charset=utf-8", health.exposition)
        case (.POST, "/hooks/git"):
            if let (status, reason) = hook.take(header: { head.headers.first(name: $0) }, body: received) {
                return (status, "application/json", JSONValue.object(["error": .string(reason)]).canonicalText)
            }
            return (.accepted, "application/json", "{\"status\":\"a run is under way\"}")
        case (_, "/healthz"), (_, "/readyz"), (_, "/metrics"), (_, "/hooks/git"):
            return (.methodNotAllowed, "application/json", "{\"error\":\"another method is expected here\"}")
        default: return (.notFound, "application/json", "{\"error\":\"there is nothing here\"}")
        }
    }
}
