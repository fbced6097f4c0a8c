import Foundation
import NIOCore
import NIOPosix
import Synchronization

/// A door before a server: while it is shut nobody is answered, and whoever was inside is cut off in the middle.
final class Gate: Sendable {
    let port: Int
    private let server: Int
    /// How requests begin that nobody is to get through with.
    private let refused: String?
    private let state = Mutex(State())

    private struct State: Sendable {
        var listener: (any Channel)?
        var connections: [any Channel] = []
    }

    /// Opens a door of its own port to the server at `port`. Who asks for what begins with `refused` is cut off.
    init(to server: Int, refusing refused: String? = nil) async throws {
        self.server = server
        self.refused = refused
        port = try freePort()
        try await open()
    }

    var url: String { "http://127.0.0.1:\(port)" }

    func open() async throws {
        let server: Int = server
        let refused: String? = refused
        let listener: any Channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { client in
                self.state.withLock { $0.connections.append(client) }
                return ClientBootstrap(group: client.eventLoop).connect(host: "127.0.0.1", port: server)
                    .flatMapThrowing { upstream in
                        try client.pipeline.syncOperations.addHandler(Forwarding(to: upstream, refusing: refused))
                        try upstream.pipeline.syncOperations.addHandler(Forwarding(to: client))
                    }
            }
            .bind(host: "127.0.0.1", port: port).get()
        state.withLock { $0.listener = listener }
    }

    func shut() async throws {
        let (listener, connections) = state.withLock { state in
            defer { state = State() }
            return (state.listener, state.connections)
        }
        try await listener?.close()
        for connection in connections { connection.close(promise: nil) }
    }
}

private final class Forwarding: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let peer: any Channel
    private let refused: String?

    init(to peer: any Channel, refusing refused: String? = nil) {
        self.peer = peer
        self.refused = refused
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes: ByteBuffer = unwrapInboundIn(data)
        if let refused, String(buffer: bytes).hasPrefix(refused) { return context.close(promise: nil) }
        peer.writeAndFlush(bytes, promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { peer.close(promise: nil) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
