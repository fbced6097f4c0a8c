import Declarations
import Telemetry
import Testing

@Suite struct ScrapeTargetSpecTests {
    private func errors(_ spec: String) throws -> [String] {
        switch declare([("m.yaml", manifest("ScrapeTarget", "app", spec))]) {
        case .success: return []
        case .failure(let problems): return problems.items.map(\.message)
        }
    }

    private func spec(_ text: String) throws -> ScrapeTargetSpec {
        let declared = try #require(
            try declare([("m.yaml", manifest("ScrapeTarget", "app", text))]).get().resources.values.first)
        let decoded = try decoder.resource(kind: .scrapeTarget, name: "app", spec: declared.spec).get()
        guard case .scrapeTarget(let spec) = decoded.spec else { throw CancellationError() }
        return spec
    }

    @Test func theTimeoutIsAtMostTheInterval() throws {
        #expect(try spec("{url: 'http://h:1/m', interval: 1m}").timeout == .seconds(10))
        #expect(try spec("{url: 'http://h:1/m', interval: 4s}").timeout == .seconds(4))
        #expect(try spec("{url: 'http://h:1/m', interval: 4s, timeout: 4s}").timeout == .seconds(4))
        #expect(
            try errors("{url: 'http://h:1/m', interval: 4s, timeout: 5s}")
                == [#""timeout" (5s) must not be longer than "interval" (4s)"#])
        #expect(try spec("{url: 'http://h:1/m', interval: 4s}").instance == "h:1")
    }

    @Test func aURLHoldsNoSecretAndRulesHaveWhatTheyNeed() throws {
        #expect(
            try errors("{url: 'http://me:secret@h/m', interval: 4s}").allSatisfy {
                $0.contains("must not contain user name or password") && !$0.contains("secretRef")
            })
        #expect(try errors("{url: 'ftp://h/m', interval: 4s}").count == 1)
        #expect(
            try errors("{url: 'http://h/m', interval: 4s, relabel: [{regex: 'a(b'}, {action: drop, targetLabel: x}]}")
                .contains { $0.contains("regular expression") })
        #expect(
            try errors("{url: 'http://h/m', interval: 4s, relabel: [{action: drop, targetLabel: x}]}")
                == [#""targetLabel" is only for "action": replace"#])
        #expect(
            try errors("{url: 'http://h/m', interval: 4s, relabel: [{regex: 'a'}]}")
                == [#""targetLabel" is missing, which "action": replace needs"#])
    }

    @Test func fieldsOfACollectorAreOnlyForTheirSource() throws {
        let problems = declare([("m.yaml", manifest("Collector", "x", "{source: cpu, interval: 4s, top: 3}"))])
        guard case .failure(let failure) = problems else {
            Issue.record("it was taken")
            return
        }
        #expect(failure.items.map(\.message) == [#""top" is only for "source": processes"#])
    }
}
