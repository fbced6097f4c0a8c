import Glibc
import Runtime

/// The connection that systemd started this process for (`Accept=yes`): descriptor 3.
package struct ActivatedConnection: ~Copyable {
    private let descriptor: Int32
    /// Who is at the other end, as the kernel says it.
    package let user: UInt32

    /// Takes the connection over; throws where the process was not started for one.
    package init(environment: (String) -> String? = ProcessEnvironment.value) throws(SystemdError) {
        guard environment("LISTEN_PID") == "\(getpid())", environment("LISTEN_FDS") == "1" else {
            throw SystemdError("it is started by its socket unit, one connection at a time, and by nobody else")
        }
        // `struct ucred`, which the C library shows only to programs that ask for GNU's extensions.
        var peer: (process: Int32, user: UInt32, group: UInt32) = (0, 0, 0)
        var length = socklen_t(MemoryLayout.size(ofValue: peer))
        guard getsockopt(3, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 else {
            throw SystemdError("descriptor 3 is no connection: \(String(cString: strerror(errno)))")
        }
        descriptor = 3
        user = peer.user
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    deinit { close(descriptor) }

    /// One line without its end, of at most `limit` bytes.
    package func line(limit: Int) throws(SystemdError) -> [UInt8] {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while true {
            let count: Int = read(descriptor, &byte, 1)
            if count < 0, errno == EINTR { continue }
            guard count == 1 else { throw SystemdError("the request has no end") }
            if byte == UInt8(ascii: "\n") { return line }
            guard line.count < limit else { throw SystemdError("the request is longer than \(limit) bytes") }
            line.append(byte)
        }
    }

    package func send(_ bytes: [UInt8]) {
        var rest: ArraySlice<UInt8> = bytes[...]
        while !rest.isEmpty {
            let sent: Int = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if sent < 0, errno == EINTR { continue }
            // Whoever asked is gone; what was done stays done.
            guard sent > 0 else { return }
            rest = rest.dropFirst(sent)
        }
    }

    /// The number of a user of this machine, by name or as it is.
    package static func userNumber(_ name: String) -> UInt32? {
        if let number = UInt32(name) { return number }
        guard let entry = getpwnam(name) else { return nil }
        return entry.pointee.pw_uid
    }
}
