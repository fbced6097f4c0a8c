import Declarations
import NIOCore
import NIOPosix

/// Speaks to the running daemon.
package struct ControlClient: Sendable {
    private let path: String

    package init(path: String) { self.path = path }

    /// Sends a request and hands over the answers as they come, until the daemon closes the connection.
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
                var bytes: [UInt8] = []
                for try await buffer in inbound {
                    bytes += buffer.readableBytesView
                    while let end = bytes.firstIndex(of: UInt8(ascii: "\n")) {
                        await onAnswer(try ControlAnswer(parsing: bytes[..<end]))
                        bytes.removeSubrange(...end)
                    }
                }
            }
        } catch {
            throw SyncError("cannot talk to the daemon at \(path): \(error)")
        }
    }
}
