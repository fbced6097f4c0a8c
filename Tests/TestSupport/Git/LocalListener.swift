import Dispatch
import Glibc

/// A TCP listener on a free port of 127.0.0.1.
package final class LocalListener: Sendable {
    package let port: Int
    private let descriptor: Int32

    /// Accepts connections (the kernel does) and never says a word.
    package static func blackHole() throws -> LocalListener { try LocalListener() }

    package init() throws {
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        let listener: Int32 = socket(AF_INET, kind, 0)
        guard listener >= 0 else { throw TestSupportError("cannot make a socket") }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening: Bool = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
                bind(listener, name, length) == 0 && listen(listener, 64) == 0
                    && getsockname(listener, name, &length) == 0
            }
        }
        guard isListening else {
            close(listener)
            throw TestSupportError("cannot listen on 127.0.0.1")
        }
        descriptor = listener
        port = Int(UInt16(bigEndian: address.sin_port))
    }

    /// Gives each connection to `serve`, on a thread that may block, and closes it afterwards.
    package convenience init(serving serve: @escaping @Sendable (Int32) -> Void) throws {
        try self.init()
        let listener: Int32 = descriptor
        DispatchQueue(label: "listener").async {
            while true {
                let connection: Int32 = accept(listener, nil, nil)
                if connection < 0, errno == EINTR || errno == ECONNABORTED { continue }
                guard connection >= 0 else { return }
                _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
                DispatchQueue.global().async {
                    serve(connection)
                    shutdown(connection, Int32(SHUT_RDWR))
                    close(connection)
                }
            }
        }
    }

    deinit {
        // Wakes the accepting thread, which close() alone would not.
        shutdown(descriptor, Int32(SHUT_RDWR))
        close(descriptor)
    }
}
