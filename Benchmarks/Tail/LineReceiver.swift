import Dispatch
import Glibc
import Runtime
import Synchronization

/// A server that takes log lines, counts them and acknowledges: what an agent needs of one, and nothing more, so that
/// what is measured is the agent.
final class LineReceiver: Sendable {
    let port: UInt16
    private let listener: Int32
    private let counts = Mutex(Counts())

    struct Counts: Sendable {
        var lines = 0
        var bytes = 0
        var requests = 0
    }

    var now: Counts { counts.withLock { $0 } }
    var url: String { "http://127.0.0.1:\(port)" }

    init() throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor: Int32 = listener
        let isListening: Bool = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
                bind(descriptor, name, length) == 0 && listen(descriptor, 16) == 0
                    && getsockname(descriptor, name, &length) == 0
            }
        }
        guard isListening else { throw BenchError("cannot listen on 127.0.0.1") }
        port = UInt16(bigEndian: address.sin_port)
        DispatchQueue(label: "receiver").async {
            while true {
                let connection: Int32 = accept(descriptor, nil, nil)
                guard connection >= 0 else { return }
                DispatchQueue.global().async {
                    self.serve(connection)
                    close(connection)
                }
            }
        }
    }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    /// Answers one request after the other until the connection ends.
    private func serve(_ connection: Int32) {
        var held: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 256 << 10)
        func more() -> Bool {
            let count: Int = read(connection, &room, room.count)
            guard count > 0 else { return false }
            held += room[..<count]
            return true
        }
        while true {
            var head: Int? = Self.position(of: "\r\n\r\n", in: held, from: 0)
            while head == nil {
                guard more() else { return }
                head = Self.position(of: "\r\n\r\n", in: held, from: 0)
            }
            guard let head else { return }
            let text = String(decoding: held[..<head], as: UTF8.self).lowercased()
            let length: Int =
                text.split(separator: "\r\n").first { $0.hasPrefix("content-length:") }
                .flatMap { Int($0.dropFirst(15).drop { $0 == " " }) } ?? 0
            while held.count < head + 4 + length { guard more() else { return } }
            if text.hasPrefix("post /api/v1/logs") { count(held, from: head + 4, length) }
            // Whoever asks for a new config waits for a long time.
            if text.hasPrefix("get ") { sleep(20) }
            let status: String = text.hasPrefix("get ") ? "304 Not Modified" : "200 OK"
            let body: String = text.hasPrefix("get ") ? "" : "{}"
            let answer = Array("HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)".utf8)
            guard write(connection, answer, answer.count) == answer.count else { return }
            held.removeFirst(head + 4 + length)
        }
    }

    /// Each line has its place.
    private func count(_ held: [UInt8], from start: Int, _ length: Int) {
        var lines = 0
        var from: Int = start
        while let found = Self.position(of: "{\"place\":", in: held, from: from) {
            lines += 1
            from = found + 9
        }
        counts.withLock {
            $0.lines += lines
            $0.bytes += length
            $0.requests += 1
        }
    }

    private static func position(of text: StaticString, in bytes: [UInt8], from start: Int) -> Int? {
        bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress else { return nil }
            let length: Int = text.utf8CodeUnitCount
            var from: Int = start
            while from + length <= buffer.count,
                let found = memchr(base + from, Int32(text.utf8Start.pointee), buffer.count - length - from + 1)
            {
                let place: Int = UnsafeRawPointer(found) - base
                if memcmp(base + place, text.utf8Start, length) == 0 { return place }
                from = place + 1
            }
            return nil
        }
    }
}
