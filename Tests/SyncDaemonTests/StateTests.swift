import Declarations
import Glibc
import Reconciliation
import Runtime
import SyncDaemon
import Telemetry
import TestSupport
import Testing

private let start = Timestamp(milliseconds: 1_700_000_000_000)

private func report(_ number: Int, outcome: RunOutcome = .inSync) -> RunReport {
    var report = RunReport(
        id: "01HF8C1T0000000000000000\(number < 10 ? "0" : "")\(number)", host: "h", trigger: .timer, mode: .enforce,
        startedAt: start + .seconds(Int64(number)), repository: "r", branch: "main")
    report.outcome = outcome
    report.finishedAt = report.startedAt
    report.lastFinishedAt = report.startedAt
    return report
}

@Suite struct StateTests {
    @Test func equalQuietRunsAreOneRecordWithACount() throws {
        let folder = try TemporaryFolder()
        let directory = StateDirectory(folder.path)
        var log = ReportLog(directory: directory)
        _ = try log.append(report(1, outcome: .failed))
        for number in 2...6 { _ = try log.append(report(number)) }
        let records = try ReportLog.newest(10, in: directory)
        #expect(records.map(\.count) == [5, 1])
        #expect(records.first?.id == report(2).id)
        #expect(records.first?.lastFinishedAt == start + .seconds(6))
        #expect(try ReportLog.find(nil, in: directory)?.outcome == .failed)
        #expect(try ReportLog.find("01hf8c1t000000000000000002", in: directory)?.count == 5)
    }

    @Test func aRestartBeginsARecordOfItsOwn() throws {
        let folder = try TemporaryFolder()
        let directory = StateDirectory(folder.path)
        var log = ReportLog(directory: directory)
        _ = try log.append(report(1))
        var restarted = ReportLog(directory: directory)
        #expect(restarted.newest?.id == report(1).id)
        _ = try restarted.append(report(2))
        #expect(try ReportLog.newest(10, in: directory).map(\.count) == [1, 1])
    }

    @Test func aStatusThatAFailureOfTheMachineTookIsNone() throws {
        let folder = try TemporaryFolder()
        let directory = StateDirectory(folder.path)
        #expect(try directory.readStatus() == nil)
        try directory.write(status: ["pid": 1])
        #expect(try directory.readStatus() == ["pid": 1])
        try Files.write([UInt8](), to: folder("status.json"))
        #expect(try directory.readStatus() == nil)
        try directory.write(status: ["pid": 2])
        #expect(try directory.readStatus() == ["pid": 2])
    }

    @Test func theLogStaysBoundedAndALineThatACrashCutIsSkipped() throws {
        let folder = try TemporaryFolder()
        let directory = StateDirectory(folder.path)
        var log = ReportLog(directory: directory, fileLimit: 2000)
        for number in 0..<60 { _ = try log.append(report(number, outcome: number % 2 == 0 ? .failed : .refused)) }
        let bytes = try Files.read(folder("reports.jsonl")).count + Files.read(folder("reports.jsonl.old")).count
        #expect(bytes < 6000)
        #expect(try ReportLog.newest(1, in: directory).first?.id == report(59).id)
        let text = try Files.text(folder("reports.jsonl"))
        try Files.write((text + "{\"version\":1,\"id").utf8, to: folder("reports.jsonl"))
        #expect(try ReportLog.newest(1, in: directory).first?.id == report(59).id)
    }

    @Test func aLineThatACrashCutDoesNotSwallowTheNextRecord() throws {
        let folder = try TemporaryFolder()
        let directory = StateDirectory(folder.path)
        var log = ReportLog(directory: directory)
        for number in 1...2 { _ = try log.append(report(number, outcome: number == 1 ? .failed : .refused)) }
        let text = try Files.text(folder("reports.jsonl"))
        // Cut within the last line, its newline alone, and within the only line.
        for (kept, before) in [(text.utf8.count - 20, [1]), (text.utf8.count - 1, [1, 2]), (30, [])] {
            try Files.write(text.utf8.prefix(kept), to: folder("reports.jsonl"))
            var restarted = ReportLog(directory: directory)
            #expect(restarted.isTorn)
            for number in 3...5 { _ = try restarted.append(report(number, outcome: number == 3 ? .failed : .inSync)) }
            let records = try ReportLog.newest(10, in: directory)
            #expect(records.map(\.id) == ([4, 3] + before.reversed()).map { report($0).id })
            #expect(records.first?.count == 2)
            #expect(!ReportLog(directory: directory).isTorn)
        }
    }

    @Test func whatTheServerHasIsNotSentAgainAfterARestart() throws {
        let folder = try TemporaryFolder()
        let directory = StateDirectory(folder.path)
        var log = ReportLog(directory: directory)
        for number in 1...6 { _ = try log.append(report(number, outcome: number % 2 == 0 ? .failed : .refused)) }
        log.sent(report(3).id)
        let restarted = ReportLog(directory: directory)
        #expect(restarted.unsent(atMost: 500).map(\.id) == (4...6).map { report($0).id })
        #expect(restarted.unsent(atMost: 2).map(\.id) == (5...6).map { report($0).id })
        log.sent(report(6).id)
        // It may have counted more runs since.
        #expect(ReportLog(directory: directory).unsent(atMost: 500).map(\.id) == [report(6).id])
    }

    @Test func aStateIsWrittenWholeWhateverPartOfItChanged() throws {
        var text = StateText()
        var state = SyncState.initial
        #expect(try SyncState(parsing: text(state)) == state)
        state.inventory = Inventory(
            storeId: "s", entries: [ResourceKey(.alertRule, "a"): .init(digest: "1", revision: "x")])
        #expect(try SyncState(parsing: text(state)) == state)
        state.head = "y"
        #expect(try SyncState(parsing: text(state)) == state)
        state.inventory.kept = [ResourceKey(.alertRule, "a")]
        #expect(try SyncState(parsing: text(state)) == state)
        #expect(try JSONValue(parsing: text(state)) == state.json)
    }

    @Test func theInventoryOfAnEarlierVersionIsRead() throws {
        let text = """
            {"storeId": "s", "kept": ["AlertRule/c"], "entries": [
              {"resource": "AlertRule/a", "digest": "1", "revision": "x", "keepsOnPrune": true},
              {"resource": "AlertRule/b", "digest": "2", "revision": "y"}]}
            """
        let inventory = try Inventory(parsing: Array(text.utf8))
        let (a, b, c) = (ResourceKey(.alertRule, "a"), ResourceKey(.alertRule, "b"), ResourceKey(.alertRule, "c"))
        #expect(
            inventory
                == Inventory(
                    storeId: "s",
                    entries: [a: .init(digest: "1", revision: "x"), b: .init(digest: "2", revision: "y")],
                    kept: [a, c]))
        #expect(try Inventory(parsing: inventory.json.canonical) == inventory)
        for damaged in [#"{"storeId": "s"}"#, #"{"applied": []}"#, #"{"applied": {"x": {"AlertRule/a": 1}}}"#] {
            #expect(throws: JSONFormError.self, "\(damaged)") { try Inventory(parsing: Array(damaged.utf8)) }
        }
    }

    @Test func theStateIsReadBackAsItWasWritten() throws {
        let folder = try TemporaryFolder()
        let directory = StateDirectory(folder.path)
        #expect(try directory.readState() == .initial)
        var state = SyncState.initial
        state.acceptedCommit = "abc"
        state.permittedRewrite = .init(commit: "def", reason: "because")
        state.inventory = Inventory(
            storeId: "s", entries: [ResourceKey(.notifier, "a"): .init(digest: "d", revision: "r")],
            kept: [ResourceKey(.notifier, "a"), ResourceKey(.notifier, "b")])
        let gone: [ResourceKey] = [
            ResourceKey(.notifier, "a"), ResourceKey(.notifier, "b"), ResourceKey(.collector, "c"),
        ]
        state.noteDeletions(gone, at: start, uptime: Uptime(boot: "a", elapsed: .milliseconds(4500)))
        try directory.write(state)
        #expect(try directory.readState() == state)
    }

    // The time of day can be set, forwards to let the guard forget.
    @Test func deletionsAreRecentForAnHourOfTheMachine() {
        var state = SyncState.initial
        let gone = ResourceKey(.notifier, "a")
        state.noteDeletions([gone], at: start, uptime: Uptime(boot: "a", elapsed: .seconds(100)))
        func recent(_ hours: Int64, boot: String, _ uptime: Int) -> Set<ResourceKey> {
            state.recentDeletions(now: start + .hours(hours), uptime: Uptime(boot: boot, elapsed: .seconds(uptime)))
        }
        #expect(recent(0, boot: "a", 3699) == [gone])
        #expect(recent(5, boot: "a", 3699) == [gone])
        #expect(recent(-5, boot: "a", 3700) == [])
        // After another boot there is nothing else to go by.
        #expect(recent(0, boot: "b", 3) == [gone])
        #expect(recent(1, boot: "b", 3) == [])
    }

    @Test func aStateThatCannotBeReadIsNoFreshStart() throws {
        let folder = try TemporaryFolder()
        try folder.write("{", to: "state.json")
        #expect(throws: FileError.self) { try StateDirectory(folder.path).readState() }
    }

    // Shows F-GO-11
    @Test func aSecondDaemonIsRefusedAndTheFirstIsNamed() async throws {
        let folder = try TemporaryFolder()
        let path = folder("lock")
        #expect(LockFile.holderProcess(path) == nil)
        do {
            let lock = try LockFile(path)
            #expect(LockFile.holderProcess(path) == Int(getpid()))
            #expect(throws: FileError.self) { _ = try LockFile(path) }
            do { _ = try LockFile(path) } catch { #expect(error.description.contains("(process \(getpid()))")) }
            _ = consume lock
        }
        // A process that another test is just starting may hold the descriptor until it runs its program.
        try await until("the lock is free") { LockFile.holderProcess(path) == nil }
    }
}
