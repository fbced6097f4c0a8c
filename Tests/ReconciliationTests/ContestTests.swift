import ConfigAPI
import Declarations
import Reconciliation
import Telemetry
import Testing

private let subject = DriftSubject(target: .server, kind: "Retention", name: "metrics")

/// A correction of drift in some fields.
func correction(
    _ paths: [String] = ["/keep"], by who: String? = "alice", result: Change.Result = .applied,
    causes: [Cause] = [.drift], action: Step.Action = .update, host: String? = nil, name: String = "metrics",
    at: Timestamp? = now
) -> Change {
    let step = Step(
        target: host == nil ? .server : .agents, host: host, kind: "Retention", name: name, action: action,
        causes: causes, fields: paths.map { FieldChange(path: $0, declared: "30d", live: "1d") },
        changedBy: ChangedBy(who: who, at: at, via: .sql))
    return Change(step, revision: "c1", result: result)
}

@Suite struct ContestTests {
    /// Corrects as soon as it is due, with a writer who changes it at once again, until `end`.
    private func fight(until end: PromDuration) -> (gaps: [Int64], history: CorrectionHistory) {
        var history = CorrectionHistory.empty
        var gaps: [Int64] = []
        var instant = now
        var last: Timestamp?
        while instant - now < end {
            history.note([correction()], at: instant)
            if let last { gaps.append((instant - last).milliseconds / 1000) }
            last = instant
            instant =
                history.deferral(of: subject, paths: ["/keep"], at: instant + .seconds(1)) ?? instant + .seconds(1)
        }
        return (gaps, history)
    }

    @Test func correctionsOfOneFieldSlowDownToTenMinutesAndNeverStop() {
        let (gaps, history) = fight(until: .hours(2))
        #expect(gaps.prefix(9) == [1, 1, 10, 20, 40, 80, 160, 320, 600])
        #expect(gaps.dropFirst(8).allSatisfy { $0 == 600 })
        #expect(gaps.count > 15)
        #expect(history.contests(at: now + .hours(2)).map(\.subject) == [subject])
    }

    @Test func aContestNamesEverybodyWhoWrites() throws {
        var history = CorrectionHistory.empty
        for (index, who) in ["alice", "bob", "alice", nil].enumerated() {
            history.note([correction(by: who)], at: now + .seconds(Int64(index)))
        }
        let contest = try #require(history.contests(at: now + .seconds(4)).first)
        #expect(contest.writers.map(\.who) == ["bob", "alice", nil])
        #expect(contest.corrections == 4)
        #expect(contest.since == now)
        #expect(contest.nextCorrectionAt == now + .seconds(3 + 20))
        #expect(
            contest.text(ours: "gitops-sync (commit c1)").hasPrefix(
                "Retention/metrics /keep: bob via sql, alice via sql, somebody unknown via sql and gitops-sync "
                    + "(commit c1) undo each other, 4 corrections since "))
        #expect(try Contest(json: contest.json) == contest)
    }

    @Test func anotherFieldIsCorrectedAtOnce() {
        var history = CorrectionHistory.empty
        for second in 0..<5 { history.note([correction()], at: now + .seconds(Int64(second))) }
        let later = now + .seconds(5)
        #expect(history.deferral(of: subject, paths: ["/keep"], at: later) == now + .seconds(44))
        #expect(history.deferral(of: subject, paths: ["/keep", "/maxSize"], at: later) == nil)
        #expect(
            history.deferral(
                of: DriftSubject(target: .server, kind: "Retention", name: "logs"), paths: ["/keep"], at: later) == nil)
    }

    @Test func aFieldThatStaysRightIsContestedNoMore() {
        var history = fight(until: .minutes(5)).history
        let rested = now + .minutes(5) + .minutes(30)
        #expect(history.contests(at: rested).isEmpty)
        #expect(history.deferral(of: subject, paths: ["/keep"], at: rested) == nil)
        history.note([correction()], at: rested)
        #expect(history.contests(at: rested).isEmpty)
    }

    @Test func onlyCorrectionsCount() {
        var history = CorrectionHistory.empty
        for second in 0..<9 {
            history.note(
                [
                    correction(result: .tolerated), correction(result: .failed), correction(causes: [.commit]),
                    correction(action: .record),
                ], at: now + .seconds(Int64(second)))
        }
        #expect(history == .empty)
    }

    @Test func theHistoryIsBoundedAndSurvivesARestart() throws {
        var history = CorrectionHistory.empty
        history.note([correction(by: nil, host: "web-1"), correction(action: .create)], at: now)
        #expect(try CorrectionHistory(json: history.json) == history)
        for index in 0..<(CorrectionHistory.limit + 10) {
            history.note([correction(name: "r\(index)")], at: now + .milliseconds(Int64(index)))
        }
        #expect(history.json["streaks"]?.array?.count == CorrectionHistory.limit)
    }

    @Test func theContestedIsReportedAndLeftAndWhatGitMovesIsApplied() throws {
        let key = ResourceKey(.retention, "metrics")
        var world = World()
        let declared = state("c1", declaration(key, ["keep": "30d"]))
        try world.converge(declared)
        world.edit(key, ["keep": "1d"])
        world.isDeferred = { $0 == subject && $1 == ["/keep"] }
        let plan = world.plan(declared)
        #expect(plan.steps.map(\.treatment) == [.leave(.contested)])
        #expect(plan.hasDifferences(on: .server))
        #expect(world.plan(declared, mode: .observe).steps.map(\.treatment) == [.leave(.observe)])
        #expect(world.plan(state("c2", declaration(key, ["keep": "7d"]))).steps.map(\.treatment) == [.apply])
    }
}
