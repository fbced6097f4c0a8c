import Alerting
import Database
import Declarations
import Logging
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import ServerDaemon

/// Rules, receivers, values and time as a test sets them.
private final class AlertWorld: Sendable {
    struct State: Sendable {
        var rules: [RunningRule]?
        /// The names that the store holds, where the engine does not know it yet.
        var declared: [String]?
        var notifiers: [String: NotifierSpec]? = ["ops": NotifierSpec(type: .webhook, url: "http://ops")]
        var matching: [String: [Labels: Double]] = [:]
        var failing: Set<String> = []
        var now = Timestamp(milliseconds: 1_763_683_600_000)
        var problems: [String: String] = [:]
    }

    private let state: Mutex<State>
    let database: TestDatabase
    let store: AlertStore

    init(_ rules: [RunningRule]?) async throws {
        state = Mutex(State(rules: rules))
        database = try await TestPostgres.database()
        store = AlertStore(pool: database.pool)
    }

    func change(_ body: @Sendable (inout State) -> Void) { state.withLock { body(&$0) } }
    var problems: [String: String] { state.withLock { $0.problems } }

    func engine(holder: String = "a") -> AlertEngine {
        AlertEngine(
            store: store, leaders: LeaderStore(pool: database.pool), holder: holder,
            dependencies: AlertEngineDependencies(
                rules: {
                    let (rules, declared) = self.state.withLock { ($0.rules, $0.declared) }
                    try? await self.database.declareRules(declared ?? rules.map { $0.map(\.name) } ?? [])
                    return rules
                },
                notifiers: { self.state.withLock { $0.notifiers } },
                observe: { spec, now in
                    let (isFailing, matching) = self.state.withLock {
                        ($0.failing.contains(spec.expr), $0.matching[spec.expr] ?? [:])
                    }
                    if isFailing { throw TestSupportError("no such function") }
                    return RuleObservation(at: now, matching: matching, present: nil)
                },
                reportProblems: { problems in self.change { $0.problems = problems } },
                now: { self.state.withLock { $0.now } }),
            clock: ContinuousClock(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// `receiver rule event`, in order of posting.
    func told() async throws -> [String] {
        try await Outbox(pool: database.pool).log(limit: 100).reversed().map { entry in
            let body: JSONValue? = entry["notification"]
            return [entry["notifier"], body?["rule"], body?["event"]].map { $0?.string ?? "?" }.joined(separator: " ")
        }
    }
}

private let web: Labels = ["host": "web"]

private func rule(_ name: String, _ expr: String = "hot", notifiers: [String] = []) -> RunningRule {
    RunningRule(
        name: name,
        spec: AlertRuleSpec(
            expr: expr, every: .seconds(10), severity: .critical, labels: ["team": "web"],
            annotations: ["summary": "{{ $labels.host }} at {{ $value }}"], notifiers: notifiers),
        source: ["commit": "c0ffee", "file": "rules.yaml", "line": 4])
}

@Suite struct AlertEngineTests {
    // Shows F-AL-02, F-AL-06
    @Test func `a match is told once as firing and once as resolved, with labels, text and origin`() async throws {
        let world = try await AlertWorld([rule("cpu-high")])
        var memory = AlertEngine.Memory()
        for matching in [[web: 91.0], [web: 92.0], [:], [:]] as [[Labels: Double]] {
            world.change {
                $0.matching = ["hot": matching]
                $0.now = $0.now + .seconds(10)
            }
            try await world.engine().round(&memory)
        }
        #expect(try await world.told() == ["ops cpu-high firing", "ops cpu-high resolved"])
        let body: JSONValue? = try await Outbox(pool: world.database.pool).log(limit: 10).last?["notification"]
        #expect(body?["labels"] == ["host": "web", "team": "web"])
        #expect(body?["annotations"] == ["summary": "web at 91"])
        #expect(body?["provenance"]?["commit"] == "c0ffee")
        #expect(body?["severity"] == "critical")
    }

    // Shows F-AL-05
    @Test func `a server that starts again repeats no notification and still resolves`() async throws {
        let world = try await AlertWorld([rule("cpu-high")])
        world.change { $0.matching = ["hot": [web: 91]] }
        for _ in 1...3 {
            var memory = AlertEngine.Memory()
            world.change { $0.now = $0.now + .seconds(10) }
            try await world.engine().round(&memory)
        }
        #expect(try await world.told() == ["ops cpu-high firing"])
        world.change {
            $0.matching = [:]
            $0.now = $0.now + .seconds(10)
        }
        var memory = AlertEngine.Memory()
        try await world.engine().round(&memory)
        #expect(try await world.told() == ["ops cpu-high firing", "ops cpu-high resolved"])
    }

    @Test func `an edit of the rule keeps its alert, and the resolution goes to the old receivers too`() async throws {
        let world = try await AlertWorld([rule("cpu-high", notifiers: ["ops"])])
        world.change {
            $0.notifiers?["chat"] = NotifierSpec(type: .webhook, url: "http://chat")
            $0.matching = ["hot": [web: 91], "hotter": [web: 91]]
        }
        var memory = AlertEngine.Memory()
        try await world.engine().round(&memory)
        world.change {
            $0.rules = [rule("cpu-high", "hotter", notifiers: ["chat"])]
            $0.now = $0.now + .seconds(10)
        }
        try await world.engine().round(&memory)
        #expect(try await world.told() == ["ops cpu-high firing"])
        world.change {
            $0.matching = [:]
            $0.now = $0.now + .seconds(10)
        }
        try await world.engine().round(&memory)
        #expect(
            Set(try await world.told()) == ["ops cpu-high firing", "chat cpu-high resolved", "ops cpu-high resolved"])
    }

    @Test func `a rule that is deleted resolves its alerts for those who were told, also while no server ran`()
        async throws
    {
        let world = try await AlertWorld([rule("cpu-high", notifiers: ["ops"])])
        world.change {
            $0.notifiers?["chat"] = NotifierSpec(type: .webhook, url: "http://chat", isDefault: true)
            $0.matching = ["hot": [web: 91]]
        }
        var memory = AlertEngine.Memory()
        try await world.engine().round(&memory)
        world.change { $0.rules = [] }
        var fresh = AlertEngine.Memory()
        try await world.engine().round(&fresh)
        #expect(try await world.told() == ["ops cpu-high firing", "ops cpu-high resolved"])
        #expect(try await world.store.alerts().isEmpty)
    }

    @Test func `a rename that the engine does not know yet ends and begins nothing`() async throws {
        let world = try await AlertWorld([rule("old")])
        world.change { $0.matching = ["hot": [web: 91]] }
        var memory = AlertEngine.Memory()
        try await world.engine().round(&memory)
        let fired: [AlertInstance]? = try await world.store.alerts()["old"]

        try await world.database.superuser("UPDATE plumbline.alerts SET rule = 'new'")
        world.change {
            $0.declared = ["new"]
            $0.now = $0.now + .seconds(10)
        }
        try await world.engine().round(&memory)
        #expect(try await world.store.alerts() == ["new": try #require(fired)])

        world.change { $0.rules = [rule("new")] }
        try await world.engine().round(&memory)
        #expect(try await world.store.alerts()["new"]?.map(\.activeSince) == fired?.map(\.activeSince))
        #expect(try await world.told() == ["ops old firing"])
    }

    @Test func `before a configuration is loaded nothing is taken for deleted`() async throws {
        let world = try await AlertWorld([rule("cpu-high")])
        world.change { $0.matching = ["hot": [web: 91]] }
        var memory = AlertEngine.Memory()
        try await world.engine().round(&memory)
        world.change { $0.rules = nil }
        var fresh = AlertEngine.Memory()
        try await world.engine().round(&fresh)
        #expect(try await world.told() == ["ops cpu-high firing"])
        #expect(try await world.store.alerts().count == 1)
    }

    @Test func `a rule that cannot be evaluated or stored is reported and holds up no other`() async throws {
        let world = try await AlertWorld([rule("a", "broken"), rule("b", "refused"), rule("c")])
        try await world.database.superuser("ALTER TABLE plumbline.alerts ADD CHECK (rule <> 'b')")
        world.change {
            $0.failing = ["broken"]
            $0.matching = ["refused": [web: 1], "hot": [web: 91]]
        }
        var memory = AlertEngine.Memory()
        try await world.engine().round(&memory)
        #expect(try await world.told() == ["ops c firing"])
        #expect(world.problems.keys.sorted() == ["a", "b"])
        #expect(world.problems["a"] == "no such function")
        world.change {
            $0.failing = []
            $0.now = $0.now + .seconds(10)
        }
        try await world.engine().round(&memory)
        #expect(world.problems.keys.sorted() == ["b"])
    }

    @Test func `only the leader evaluates, and another takes over once it has resigned`() async throws {
        let world = try await AlertWorld([rule("cpu-high")])
        var first = AlertEngine.Memory()
        try await world.engine(holder: "a").round(&first)
        world.change { $0.matching = ["hot": [web: 91]] }
        var second = AlertEngine.Memory()
        try await world.engine(holder: "b").round(&second)
        #expect(try await world.told().isEmpty)
        try await LeaderStore(pool: world.database.pool).resign(try #require(first.leadership))
        while second.leadership == nil { try await world.engine(holder: "b").round(&second) }
        #expect(try await world.told() == ["ops cpu-high firing"])
    }
}

@Suite struct AlertScheduleTests {
    private func due(_ schedule: inout EvaluationSchedule, _ rules: [RunningRule], at second: Int64) -> [String] {
        schedule.takeDue(rules, now: Timestamp(milliseconds: second * 1000)).map(\.name)
    }

    // Shows F-AL-03
    @Test func `a rule is due at once and then at multiples of its interval`() {
        var schedule = EvaluationSchedule()
        let rules: [RunningRule] = [rule("r")]
        let seconds: [Int64] = (1003...1032).filter { due(&schedule, rules, at: $0) == ["r"] }
        #expect(seconds == [1003, 1010, 1020, 1030])
    }

    @Test func `late rounds do not pile up`() {
        var schedule = EvaluationSchedule()
        let rules: [RunningRule] = [rule("r")]
        let seconds: [Int64] = [1000, 1047, 1048, 1050].filter { due(&schedule, rules, at: $0) == ["r"] }
        #expect(seconds == [1000, 1047, 1050])
    }

    @Test func `a changed interval counts at once`() {
        var schedule = EvaluationSchedule()
        var changed: RunningRule = rule("r")
        changed.spec.every = .minutes(5)
        #expect(due(&schedule, [changed], at: 1000) == ["r"])
        #expect(due(&schedule, [changed], at: 1001) == [])
        changed.spec.every = .seconds(10)
        #expect(due(&schedule, [changed], at: 1002) == ["r"])
        #expect(due(&schedule, [changed], at: 1010) == ["r"])
    }

    @Test func `a clock that was set back stops no rule`() {
        var schedule = EvaluationSchedule()
        #expect(due(&schedule, [rule("r")], at: 100_000) == ["r"])
        #expect(due(&schedule, [rule("r")], at: 1001) == ["r"])
        #expect(due(&schedule, [rule("r")], at: 1002) == [])
        #expect(due(&schedule, [rule("r")], at: 1010) == ["r"])
    }

    @Test func `a rule that went and came back is due at once`() {
        var schedule = EvaluationSchedule()
        #expect(due(&schedule, [rule("r")], at: 1000) == ["r"])
        #expect(schedule.hasGone(from: []))
        schedule.remember([])
        #expect(!schedule.hasGone(from: []))
        #expect(due(&schedule, [rule("r")], at: 1001) == ["r"])
    }
}
