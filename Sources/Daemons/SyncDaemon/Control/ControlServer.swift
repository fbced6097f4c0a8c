import Declarations
import Glibc
package import Logging
import NIOCore
import NIOPosix
import Reconciliation
import Runtime
import ServiceLifecycle

/// Serves the control socket. Who may open it is up to the file's mode: the owner and the group.
package struct ControlServer: Service {
    private let path: String
    private let reconciler: Reconciler
    private let queue: RunQueue
    private let broadcast: ProgressBroadcast
    private let logger: Logger

    package init(
        path: String, reconciler: Reconciler, queue: RunQueue, broadcast: ProgressBroadcast, logger: Logger
    ) {
        self.path = path
        self.reconciler = reconciler
        self.queue = queue
        self.broadcast = broadcast
        self.logger = logger
    }

    private struct Connection: Sendable {
        var channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>
        /// The user at the other end.
        var user: String
    }

    package func run() async throws {
        // A file that a killed predecessor left: whoever holds the lock of the state directory may remove it.
        if let slash = path.lastIndex(of: "/") { try Files.createFolder(String(path[..<slash]), mode: 0o750) }
        unlink(path)
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(unixDomainSocketPath: path) { channel in
                channel.peerUser.flatMapThrowing { user in
                    Connection(channel: try NIOAsyncChannel(wrappingChannelSynchronously: channel), user: user)
                }
            }
        chmod(path, 0o660)
        defer { unlink(path) }
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

    private func serve(_ connection: Connection) async {
        do {
            try await connection.channel.executeThenClose { inbound, outbound in
                var request: [UInt8] = []
                var isAnswered = false
                for try await buffer in inbound where !isAnswered {
                    request += buffer.readableBytesView
                    guard let end = request.firstIndex(of: UInt8(ascii: "\n")) else {
                        guard request.count <= Self.requestLimit else { return }
                        continue
                    }
                    isAnswered = true
                    try await answer(Array(request[..<end]), to: connection.user) {
                        try await outbound.write(.line($0))
                    }
                }
            }
        } catch {
            // The other end went away, or we are stopping.
            logger.debug("control connection ended", metadata: .of([.error: "\(error)"]))
        }
    }

    /// Bytes of a request.
    private static let requestLimit = 64 << 10

    private func answer(
        _ line: [UInt8], to user: String, _ send: (ControlAnswer) async throws -> Void
    ) async throws {
        do { try await answer(try ControlRequest(parsing: line), to: user, send) } catch let error as JSONFormError {
            try await send(.failed(error.description))
        }
        try await send(.end)
    }

    private func answer(
        _ request: ControlRequest, to user: String, _ send: (ControlAnswer) async throws -> Void
    ) async throws {
        switch request {
        case .order(let order):
            let orders: Enforcement
            do { orders = try await reconciler.order(order, by: user) } catch {
                return try await send(.failed("\(error)"))
            }
            queue.trigger(.manual)
            try await send(.ordered(orders))
        case .status: try await send(.status(await reconciler.status()))
        case .enforce:
            do { try await reconciler.beginEnforcing() } catch { return try await send(.failed("\(error)")) }
            queue.trigger(.manual)
            try await send(.accepted)
        case .accept(let revision, let reason):
            do { _ = try await reconciler.permitRewrite(revision, reason: reason, by: user) } catch {
                return try await send(.failed("\(error)"))
            }
            queue.trigger(.manual)
            try await send(.accepted)
        case .sync(let waits):
            let progress = broadcast.nextRun()
            queue.trigger(.manual)
            try await send(.accepted)
            guard waits else { return }
            for await step in progress {
                switch step {
                case .planned(let report): try await send(.planned(report))
                case .finished(let report): try await send(.finished(report))
                }
            }
        }
    }
}

extension ByteBuffer {
    static func line(_ answer: ControlAnswer) -> ByteBuffer {
        ByteBuffer(bytes: answer.json.canonical + [UInt8(ascii: "\n")])
    }
}
