import Glibc

/// A socket that a service manager listens on.
package final class NotificationSocket: Sendable {
    private let descriptor: Int32

    package init(_ path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes: [UInt8] = Array(path.utf8)
        if bytes.first == UInt8(ascii: "@") { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
        let status: Int32 = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
        }
        guard status == 0 else { throw TestSupportError("cannot bind \(path)") }
    }

    deinit { close(descriptor) }

    /// The next message; nil where none has come.
    package var next: String? {
        var buffer = [UInt8](repeating: 0, count: 256)
        let count: Int = recv(descriptor, &buffer, buffer.count, 0)
        return count < 0 ? nil : String(decoding: buffer[..<count], as: UTF8.self)
    }

    package func awaited() async throws -> String {
        for _ in 0..<500 {
            if let message = next { return message }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw TestSupportError("no message came")
    }
}
