import Glibc

/// A connection to a unix socket, for a thread that may block. Every wait has an end.
package final class UnixStream: Sendable {
    private let descriptor: Int32
    private let path: String

    /// Connects to the socket at `path`; each read and write may take `timeoutSeconds`.
    package init(path: String, timeoutSeconds: Int) throws(FileError) {
        self.path = path
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Files.failure("make a socket for", path) }
        var limit = timeval(tv_sec: timeoutSeconds, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes: [UInt8] = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw FileError(path: path, operation: "connect to", reason: "the path is too long")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let status: Int32 = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard status == 0 else { throw Files.failure("connect to", path) }
    }

    deinit { close(descriptor) }

    package func send(_ bytes: [UInt8]) throws(FileError) {
        var rest: ArraySlice<UInt8> = bytes[...]
        while !rest.isEmpty {
            let sent: Int = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if sent < 0, errno == EINTR { continue }
            guard sent > 0 else { throw Files.failure("write to", path) }
            rest = rest.dropFirst(sent)
        }
    }

    /// What has come, at most 16 KiB; nothing where the other side has closed.
    package func receive() throws(FileError) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let got: Int = recv(descriptor, &buffer, buffer.count, 0)
            if got < 0, errno == EINTR { continue }
            if got < 0, errno == EAGAIN {
                throw FileError(path: path, operation: "read from", reason: "no answer in time", code: ETIMEDOUT)
            }
            guard got >= 0 else { throw Files.failure("read from", path) }
            return Array(buffer[..<got])
        }
    }
}
