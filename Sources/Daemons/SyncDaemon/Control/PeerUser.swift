import Glibc
import NIOCore

extension Channel {
    /// The user at the other end of a unix socket, as the kernel says it: a name, or `uid 1234` where it has none.
    var peerUser: EventLoopFuture<String> {
        guard let provider = self as? any SocketOptionProvider else {
            return eventLoop.makeSucceededFuture("unknown")
        }
        let option: EventLoopFuture<PeerCredentials> = provider.unsafeGetSocketOption(
            level: SocketOptionLevel(SOL_SOCKET), name: SocketOptionName(SO_PEERCRED))
        return option.map { userName($0.user) }
    }
}

/// `struct ucred` of unix(7).
private struct PeerCredentials: Sendable {
    var process: Int32
    var user: UInt32
    var group: UInt32
}

private func userName(_ id: UInt32) -> String {
    let size: Int = 16 << 10
    var entry = passwd()
    var found: UnsafeMutablePointer<passwd>?
    var buffer = [CChar](repeating: 0, count: size)
    guard getpwuid_r(id, &entry, &buffer, size, &found) == 0, let name = found?.pointee.pw_name else {
        return "uid \(id)"
    }
    return String(cString: name)
}
