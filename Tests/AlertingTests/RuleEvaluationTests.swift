import Alerting
import Declarations
import Telemetry
import Testing

/// Evaluates a rule at instants given in seconds and collects what happened.
private struct Scenario {
    var spec: AlertRuleSpec
    var instances: [AlertInstance] = []
    var log: [String] = []

    init(_ spec: AlertRuleSpec) { self.spec = spec }

    mutating func at(
        _ second: Int64, matching: [Labels: Double] = [:], present: Set<Labels>? = nil, clearing: Set<Labels>? = nil
    ) {
        let now = Timestamp(milliseconds: second * 1000)
        let seen: Set<Labels>? = present.map { $0.union(matching.keys) }
        let observation = RuleObservation(at: now, matching: matching, present: seen, clearing: clearing)
        let result: RuleEvaluation = spec.evaluate(observation, previous: instances)
        instances = result.instances
        log += result.transitions.map { "\(second)s \($0.kind.rawValue) \($0.labels["host"] ?? "")" }
    }
}

private let web: Labels = ["host": "web"]
private let db: Labels = ["host": "db"]

@Suite struct RuleEvaluationTests {
    // Shows F-AL-02
    @Test(arguments: [1, 2, 5])
    func `an alert fires at the Nth evaluation in a row that matches`(count: Int) {
        var scenario = Scenario(AlertRuleSpec(expr: "x > 1", forEvaluations: count))
        for second in 1...Int64(count + 1) { scenario.at(second, matching: [web: 2]) }
        #expect(scenario.log == ["\(count)s firing web"])
    }

    // Shows F-AL-02, W-A-13
    @Test func `one evaluation that does not match starts the count again`() {
        var scenario = Scenario(AlertRuleSpec(expr: "x > 1", forEvaluations: 3))
        for (second, matches) in [(1, true), (2, true), (3, false), (4, true), (5, true), (6, true)] {
            scenario.at(Int64(second), matching: matches ? [web: 2] : [:], present: [web])
        }
        #expect(scenario.log == ["6s firing web"])
    }

    // Shows F-AL-02
    @Test
    func `an alert with for fires once the span has passed and resolves at the first evaluation that does not match`() {
        var scenario = Scenario(AlertRuleSpec(expr: "x > 1", holdFor: .seconds(10)))
        for second in [0, 5, 9, 10, 15] as [Int64] { scenario.at(second, matching: [web: 2]) }
        scenario.at(20, present: [web])
        #expect(scenario.log == ["10s firing web", "20s resolved web"])
    }

    @Test func `series are judged apart`() {
        var scenario = Scenario(AlertRuleSpec(expr: "x > 1"))
        scenario.at(0, matching: [web: 2])
        scenario.at(1, matching: [web: 2, db: 3])
        scenario.at(2, matching: [db: 3], present: [web])
        #expect(scenario.log == ["0s firing web", "1s firing db", "2s resolved web"])
    }

    @Test func `with a clear expression an alert stays until that one matches`() {
        var scenario = Scenario(AlertRuleSpec(expr: "x > 85", clear: "x < 75"))
        scenario.at(0, matching: [web: 90], clearing: [])
        scenario.at(1, present: [web], clearing: [])
        scenario.at(2, present: [web], clearing: [web])
        #expect(scenario.log == ["0s firing web", "2s resolved web"])
    }

    @Test func `keepFiringFor bridges a flap without a second notification`() {
        var scenario = Scenario(AlertRuleSpec(expr: "x > 1", keepFiringFor: .seconds(30)))
        scenario.at(0, matching: [web: 2])
        scenario.at(10, present: [web])
        scenario.at(20, matching: [web: 2])
        scenario.at(49, present: [web])
        scenario.at(50, present: [web])
        #expect(scenario.log == ["0s firing web", "50s resolved web"])
    }

    // Shows F-AL-04, W-A-14
    @Test func `missing data resolve, keep or raise the alert as the rule says`() {
        func run(_ policy: AlertRuleSpec.NoData) -> [String] {
            var scenario = Scenario(AlertRuleSpec(expr: "x > 1", noData: policy))
            scenario.at(0, matching: [web: 2], present: [web, db])
            scenario.at(1, present: [])
            scenario.at(2, present: [web, db])
            return scenario.log
        }
        #expect(run(.ok) == ["0s firing web", "1s resolved web"])
        #expect(run(.keep) == ["0s firing web", "2s resolved web"])
        #expect(run(.alert) == ["0s firing web", "1s firing db", "2s resolved db", "2s resolved web"])
    }

    // Shows F-AL-05
    @Test func `evaluating again from saved instances repeats no notification`() {
        let spec = AlertRuleSpec(expr: "x > 1")
        let now = Timestamp(milliseconds: 1000)
        let observation = RuleObservation(at: now, matching: [web: 2], present: nil)
        let first: RuleEvaluation = spec.evaluate(observation, previous: [])
        #expect(first.transitions.count == 1)
        #expect(spec.evaluate(observation, previous: first.instances).transitions.isEmpty)
    }

    @Test func `an edit of the rule keeps the alert and its start`() {
        var scenario = Scenario(AlertRuleSpec(expr: "x > 1", holdFor: .seconds(60)))
        scenario.at(0, matching: [web: 2])
        scenario.spec = AlertRuleSpec(expr: "x > 1.5", holdFor: .seconds(60), severity: .critical)
        scenario.at(60, matching: [web: 2])
        #expect(scenario.log == ["60s firing web"])
    }

    @Test func `firing and resolved alternate for every series whatever happens`() {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<200 {
            var scenario = Scenario(
                AlertRuleSpec(
                    expr: "x", clear: Bool.random(using: &generator) ? "y" : nil,
                    holdFor: Bool.random(using: &generator)
                        ? .seconds(Int64.random(in: 0...3, using: &generator)) : nil,
                    keepFiringFor: .seconds(Int64.random(in: 0...3, using: &generator)),
                    noData: [.keep, .ok, .alert].randomElement(using: &generator) ?? .ok))
            for second in 0..<30 {
                var matching: [Labels: Double] = [:]
                for labels in [web, db] where Bool.random(using: &generator) { matching[labels] = 1 }
                let present: Set<Labels> = Set([web, db].filter { _ in Bool.random(using: &generator) })
                let clearing: Set<Labels>? = scenario.spec.clear.map { _ in
                    Set([web, db].filter { _ in Bool.random(using: &generator) })
                }
                scenario.at(Int64(second), matching: matching, present: present, clearing: clearing)
            }
            for host in ["web", "db"] {
                let kinds: [Substring] = scenario.log.filter { $0.hasSuffix(" \(host)") }.map {
                    $0.split(separator: " ")[1]
                }
                for (index, kind) in kinds.enumerated() { #expect(kind == (index % 2 == 0 ? "firing" : "resolved")) }
            }
        }
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
private struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed: UInt64 = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
