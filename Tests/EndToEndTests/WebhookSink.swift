import Declarations
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A receiver of webhooks on the loopback that remembers what it got.
final class WebhookSink: Sendable {
    struct Delivery: Sendable {
        var path: String
        var headers: [String: String]
        var body: JSONValue
        var bytes: [UInt8]
    }

    private let channel: any Channel
    private let received: Received

    fileprivate final class Received: Sendable {
        let deliveries = Mutex<[Delivery]>([])
    }

    init() async throws {
        let received = Received()
        self.received = received
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Handler(received))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    /// The address of one path of it.
    func url(_ path: String) -> String { "http://127.0.0.1:\(channel.localAddress?.port ?? 0)\(path)" }

    /// What arrived at `path`, in order.
    func deliveries(at path: String) -> [Delivery] { received.deliveries.withLock { $0.filter { $0.path == path } } }

    func close() async throws { try await channel.close() }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let received: Received
        private var head: HTTPRequestHead?
        private var body: [UInt8] = []

        init(_ received: Received) { self.received = received }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head):
                self.head = head
                body = []
            case .body(let part): body += part.readableBytesView
            case .end: finish(context)
            }
        }

        private func finish(_ context: ChannelHandlerContext) {
            guard let head else { return }
            let headers = Dictionary(head.headers.map { ($0.name.lowercased(), $0.value) }) { _, last in last }
            let json: JSONValue = (try? JSONValue(parsing: body)) ?? .null
            received.deliveries.withLock {
                $0.append(Delivery(path: head.uri, headers: headers, body: json, bytes: body))
            }
            let answer = HTTPResponseHead(version: head.version, status: .ok, headers: ["Content-Length": "0"])
            context.write(wrapOutboundOut(.head(answer)), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }
}
