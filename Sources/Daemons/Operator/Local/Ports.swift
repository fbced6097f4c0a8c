import Glibc

/// Questions about TCP ports of this machine.
package enum Ports {
    /// Whether nobody listens on 127.0.0.1:`port`.
    package static func isFree(_ port: UInt16) throws -> Bool {
        let descriptor: Int32 = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else {
            throw OperatorError("cannot create a socket: \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        // As servers do: connections of a server that has just gone are no obstacle.
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
        let status: Int32 = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        // bind alone lets two sockets have the port as long as neither listens.
        return status == 0 && listen(descriptor, 1) == 0
    }
}
