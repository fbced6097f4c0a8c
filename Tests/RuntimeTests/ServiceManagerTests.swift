import Glibc
import Runtime
import ServiceLifecycle
import TestSupport
import Testing

/// A socket that a service manager listens on.
private final class NotificationSocket: Sendable {
    private let descriptor: Int32

    init(_ path: String) throws {
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
        guard status == 0 else { throw Files.failure("bind", path) }
    }

    deinit { close(descriptor) }

    /// The next message; nil where none has come.
    var next: String? {
        var buffer = [UInt8](repeating: 0, count: 256)
        let count: Int = recv(descriptor, &buffer, buffer.count, 0)
        return count < 0 ? nil : String(decoding: buffer[..<count], as: UTF8.self)
    }

    func awaited() async throws -> String {
        for _ in 0..<500 {
            if let message = next { return message }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw FileError(path: "", operation: "wait for", reason: "no message came")
    }
}

@Suite struct ServiceManagerTests {
    private func manager(_ path: String?, watchdog: String? = nil, process: String? = nil) -> ServiceManager {
        ServiceManager { ["NOTIFY_SOCKET": path, "WATCHDOG_USEC": watchdog, "WATCHDOG_PID": process][$0] ?? nil }
    }

    @Test func aMessageIsADatagramAlsoToASocketWithoutAFile() throws {
        let folder = try TemporaryFolder()
        for path in [folder("notify"), "@plumbline-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"] {
            let socket = try NotificationSocket(path)
            manager(path).tellReady()
            #expect(socket.next == "READY=1")
            #expect(socket.next == nil)
        }
        // Nobody listens: nothing happens.
        manager(folder("gone")).tellReady()
        manager(nil).tellAlive()
    }

    @Test func theWatchdogOfAParentIsNotOurs() {
        #expect(manager("/x", watchdog: "30000000").watchdogInterval == .seconds(30))
        #expect(manager("/x", watchdog: "30000000", process: "\(getpid())").watchdogInterval == .seconds(30))
        #expect(manager("/x", watchdog: "30000000", process: "1").watchdogInterval == nil)
        #expect(manager("/x", watchdog: "soon").watchdogInterval == nil)
    }

    // Shows F-OP-04
    @Test func aProgramWhoseWorkStandsStillTellsNothing() async throws {
        let folder = try TemporaryFolder()
        let socket = try NotificationSocket(folder("notify"))
        let (asked, continuation) = AsyncStream.makeStream(of: Void.self)
        let silent = Presence(manager: manager(folder("notify"), watchdog: "3000")) {
            continuation.yield()
            return false
        }
        let task = Task { try await silent.run() }
        #expect(try await socket.awaited() == "READY=1")
        var rounds = asked.makeAsyncIterator()
        for _ in 0..<3 { await rounds.next() }
        #expect(socket.next == nil)
        task.cancel()
        let alive = Presence(manager: manager(folder("notify"), watchdog: "3000"), tellsReady: false)
        let other = Task { try await alive.run() }
        #expect(try await socket.awaited() == "WATCHDOG=1")
        #expect(try await socket.awaited() == "WATCHDOG=1")
        other.cancel()
        _ = await (task.result, other.result)
    }
}
