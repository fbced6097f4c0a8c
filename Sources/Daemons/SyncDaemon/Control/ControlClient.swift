import Declarations
import NIOCore
import NIOPosix

/// Speaks to the running daemon.
package struct ControlClient: Sendable {
    private let path: String

    package init(path: String) { self.path = path }

    /// Sends a request and hands over the answers as they come, to the last.
    package func send(
        _ request: ControlRequest, _ onAnswer: (ControlAnswer) async -> Void
    ) async throws(SyncError) {
        do {
            let connection = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(unixDomainSocketPath: path) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                    }
                }
            try await connection.executeThenClose { inbound, outbound in
                try await outbound.write(ByteBuffer(bytes: request.json.canonical + [UInt8(ascii: "\n")]))
                var line: [UInt8] = []
                for try await buffer in inbound {
                    var rest = buffer.readableBytesView[...]
                    while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                        line += rest[..<end]
                        rest = rest[(end + 1)...]
                        let answer = try ControlAnswer(parsing: line)
                        line.removeAll()
                        if answer == .end { return }
                        await onAnswer(answer)
                    }
                    line += rest
                }
            }
        } catch {
            throw SyncError("cannot talk to the daemon at \(path): \(error)")
        }
    }
}
