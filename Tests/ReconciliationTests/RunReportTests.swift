import ConfigAPI
import Declarations
import Reconciliation
import Telemetry
import Testing

@Suite struct RunReportTests {
    private func report() -> RunReport {
        var report = RunReport(
            id: "01HF8C1T00000000000000000A", host: "sync-1", trigger: .timer, mode: .enforce, startedAt: now,
            repository: "/srv/config.git", branch: "main")
        report.finishedAt = now + .milliseconds(250)
        report.lastFinishedAt = report.finishedAt
        report.commit = CommitInfo(
            id: "0123456789abcdef0123456789abcdef01234567", author: "Jane", committedAt: now,
            subject: "Raise the threshold")
        report.outcome = .corrected
        var step = Step(
            target: .server, kind: "AlertRule", name: "cpu-high", action: .update, causes: [.drift],
            fields: [FieldChange(path: "/expr", declared: "cpu > 80", live: "cpu > 99\u{1B}[2J")],
            changedBy: ChangedBy(who: "operator", at: now, via: .sql, details: ["application": "psql"]))
        step.file = "alerts/cpu.yaml"
        step.line = 3
        report.changes = [Change(step, revision: "0123", result: .applied)]
        report.targets = [
            TargetReport(name: .server, state: .inSync, generation: 7),
            TargetReport(
                name: .agents, state: .inSync,
                agents: [.init(host: "web-1", state: .inSync, lastSeen: now, messages: [])]),
        ]
        return report
    }

    // Shows F-GO-07
    @Test func theTextTellsWhatWhoAndWhatBecameOfIt() {
        #expect(
            report().text(.plain) == """
                corrected · commit 0123456789 "Raise the threshold" by Jane · 1 change · 250ms
                  ~ AlertRule/cpu-high  drift  alerts/cpu.yaml:3  corrected
                      /expr: "cpu > 99\\u001b[2J" → "cpu > 80"
                      changed by operator via sql at 2023-11-14T22:13:20Z (application psql)
                  server: in sync (generation 7)
                  agents: in sync (1 in sync)

                """)
    }

    @Test func theJSONFormIsReadBackAsItWas() throws {
        var full = report()
        full.previousCommit = "ffff"
        full.problems = [Diagnostic(file: "a.yaml", mark: Mark(line: 2, column: 3), message: "unknown key")]
        full.refusals = [Refusal(guardName: .prune, message: "too many", resources: [ResourceKey(.notifier, "a")])]
        full.permissions = [.adopt]
        full.foreign = ["Silence/x"]
        full.errors = ["fetching: no route"]
        let json = full.json
        #expect(try RunReport(json: json) == full)
        #expect(json["version"] == 1)
        #expect(json["changes"]?.array?.first?["cause"] == ["drift"])
    }

    @Test func onlyEqualRunsThatChangedNothingAreFolded() {
        var first = report()
        first.changes = []
        first.outcome = .inSync
        var second = first
        second.id = "other"
        second.startedAt = now + .seconds(10)
        second.finishedAt = now + .seconds(11)
        #expect(second.repeats(first))
        second.liveDigest = "moved"
        #expect(!second.repeats(first))
        #expect(!report().repeats(report()))
    }

    @Test func theOutcomeIsTheWorstThatHolds() {
        var facts = RunFacts()
        #expect(facts.outcome == .inSync)
        facts.appliedCommit = true
        #expect(facts.outcome == .applied)
        facts.correctedDrift = true
        #expect(facts.outcome == .corrected)
        facts.hasUnknownTarget = true
        #expect(facts.outcome == .incomplete)
        facts.leavesDifferences = true
        #expect(facts.outcome == .drifted)
        facts.isRefused = true
        #expect(facts.outcome == .refused)
        facts.isFailed = true
        #expect(facts.outcome == .failed)
        let statuses = RunOutcome.allCases.map(\.exitStatus)
        #expect(statuses == [1, 6, 6, 4, 5, 3, 3, 0])
    }

    @Test func waitsGrowToTheDriftIntervalWhileATargetIsAway() {
        let waits = (1...6).map {
            nextLook(after: .incomplete, failuresInARow: $0, driftInterval: .seconds(10), random: 0.5)
        }
        #expect(waits.map(\.milliseconds) == [1000, 2000, 4000, 8000, 10_000, 10_000])
        #expect(nextLook(after: .inSync, failuresInARow: 9, driftInterval: .seconds(10), random: 0) == .seconds(10))
        #expect(spread(.seconds(60), random: 0) == .seconds(54))
    }
}
