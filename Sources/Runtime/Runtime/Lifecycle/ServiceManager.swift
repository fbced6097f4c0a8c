import Glibc

/// The service manager that started this process, as systemd's notification protocol has it: one datagram a message to
/// the socket that `NOTIFY_SOCKET` names. Without one every message goes nowhere.
package struct ServiceManager: Sendable {
    private let socketPath: String?
    /// How often it wants to hear that this process is alive, at least; nil where it does not.
    package let watchdogInterval: Duration?

    package init(environment: (String) -> String? = ProcessEnvironment.value) {
        socketPath = environment("NOTIFY_SOCKET")
        // The variables are inherited; they may be meant for a parent.
        let isMine: Bool = environment("WATCHDOG_PID").map { $0 == "\(getpid())" } ?? true
        let microseconds: Int64? = environment("WATCHDOG_USEC").flatMap { Int64($0) }
        watchdogInterval = isMine ? microseconds.flatMap { $0 > 0 ? .microseconds($0) : nil } : nil
    }

    package var isPresent: Bool { socketPath != nil }

    package func tellReady() { tell("READY=1") }
    package func tellAlive() { tell("WATCHDOG=1") }

    /// Best effort: a manager that is gone has no use for it.
    private func tell(_ message: String) {
        guard let socketPath else { return }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var path: [UInt8] = Array(socketPath.utf8)
        guard path.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        // A name without a file.
        if path.first == UInt8(ascii: "@") { path[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        let length: Int = MemoryLayout<sa_family_t>.size + path.count
        let descriptor: Int32 = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let bytes: [UInt8] = Array(message.utf8)
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = sendto(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), $0, socklen_t(length))
            }
        }
    }
}
