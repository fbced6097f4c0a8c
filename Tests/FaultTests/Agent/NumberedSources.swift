import Glibc
import Synchronization
import TestSupport

/// A page of metrics whose values say which answer they are of: series `s` of the answer number `n` has the value
/// `100 n + s`.
final class NumberedPage: Sendable {
    static let series = 20
    private let listener: LocalListener
    private let count: Counter

    private final class Counter: Sendable {
        private let value = Mutex(0)
        var now: Int { value.withLock { $0 } }
        func next() -> Int {
            value.withLock { value in
                defer { value += 1 }
                return value
            }
        }
    }

    init() throws {
        let count = Counter()
        self.count = count
        listener = try LocalListener { connection in
            var buffer = [UInt8](repeating: 0, count: 4096)
            guard read(connection, &buffer, buffer.count) > 0 else { return }
            let number: Int = count.next()
            let lines: String = (0..<Self.series).map { "numbered{s=\"\($0)\"} \(number * 100 + $0)\n" }.joined()
            let answer = Array(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: \(lines.utf8.count)\r\nConnection: close\r\n\r\n\(lines)"
                    .utf8)
            _ = write(connection, answer, answer.count)
        }
    }

    var url: String { "http://127.0.0.1:\(listener.port)/metrics" }
    /// How many answers were given.
    var served: Int { count.now }
}

/// A program that writes numbered lines, some every few milliseconds, in a thread of its own. It takes note of no rotation
/// but those below, which fall between its writes.
final class NumberedLog: Sendable {
    private struct State {
        var next = 0
        var rotations = 0
        var isStopped = false
    }

    let path: String
    private let state = Mutex(State())

    init(_ path: String) { self.path = path }

    var written: Int { state.withLock { $0.next } }

    func keepWriting() async {
        while !state.withLock({ $0.isStopped }) {
            state.withLock { write(20, &$0) }
            try? await Task.sleep(for: .milliseconds(20))
        }
    }

    func stop() { state.withLock { $0.isStopped = true } }

    private func write(_ count: Int, _ state: inout State) {
        let descriptor: Int32 = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
        defer { close(descriptor) }
        let text: String = (state.next..<state.next + count).map { "line \($0) and what a program says of it\n" }
            .joined()
        let bytes = Array(text.utf8)
        if Glibc.write(descriptor, bytes, bytes.count) == bytes.count { state.next += count }
    }

    /// What logrotate does with `create`.
    func rotateByRename() {
        state.withLock { state in
            state.rotations += 1
            _ = rename(path, "\(path).\(state.rotations)")
        }
    }

    /// What it does with `copytruncate`; nothing is written in between.
    func rotateByCopy() throws {
        try state.withLock { state in
            state.rotations += 1
            let bytes: [UInt8] = try readBytes(path)
            let copy: Int32 = open("\(path).\(state.rotations)", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
            defer { close(copy) }
            guard Glibc.write(copy, bytes, bytes.count) == bytes.count, truncate(path, 0) == 0 else {
                throw TestSupportError("cannot rotate \(path)")
            }
        }
    }
}
