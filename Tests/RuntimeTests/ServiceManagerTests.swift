import Glibc
import Runtime
import ServiceLifecycle
import TestSupport
import Testing

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
