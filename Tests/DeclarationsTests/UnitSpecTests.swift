import Declarations
import Telemetry
import Testing

@Suite struct UnitSpecTests {
    private func faults(_ spec: String) -> [String] { problems(manifest("Unit", "x", spec)) }

    // Shows F-GO-17
    @Test func aUnitIsWhatPeopleOfSystemdWrite() throws {
        let text = """
            {unit: plumb-server.service, enabled: true, state: running, settings: {MemoryMax: 1G, CPUQuota: 150%, \
            Nice: -5}, restartOn: [Retention/metrics]}
            """
        let retention: String = manifest("Retention", "metrics", "{dataset: metrics, keep: 1d}")
        let state = try declare([("m.yaml", manifest("Unit", "x", text)), ("r.yaml", retention)]).get()
        let declared = try #require(state.resources[ResourceKey(.unit, "x")])
        #expect(
            declared.typedSpec
                == .unit(
                    UnitSpec(
                        unit: "plumb-server.service", enabled: true, state: .running,
                        settings: [.memoryMax: .integer(1 << 30), .cpuQuota: "150%", .nice: -5],
                        restartOn: [ResourceKey(.retention, "metrics")])))
        #expect(declared.references == [ResourceKey(.retention, "metrics")])
        #expect(ResourceKind.unit.target == .systemd)
        #expect(
            declared.spec.canonicalText == #"{"enabled":true,"restartOn":["Retention/metrics"],"#
                + #""settings":{"CPUQuota":"150%","MemoryMax":1073741824,"Nice":-5},"state":"running","#
                + #""unit":"plumb-server.service"}"#)
    }

    @Test func timesAreDurationsInTheirShortestForm() throws {
        let spec = "{unit: a.timer, settings: {OnUnitActiveSec: 90s, RandomizedDelaySec: 60s, OnCalendar: '*:0/15'}}"
        let state = try declare([("m.yaml", manifest("Unit", "x", spec))]).get()
        #expect(
            try #require(state.resources.values.first).spec["settings"]
                == ["OnCalendar": "*:0/15", "OnUnitActiveSec": "1m30s", "RandomizedDelaySec": "1m"])
    }

    @Test func onlyTheListedSettingsOfTheRightKindOfUnitAreTaken() {
        #expect(faults("{unit: a.service, settings: {ExecStart: /bin/sh}}").count == 1)
        #expect(
            faults("{unit: a.service, settings: {OnCalendar: daily, Nice: 1}}")
                == [#"m.yaml:4:36: "OnCalendar" is a setting of timers, not of a.service"#])
        #expect(
            faults("{unit: a.timer, settings: {MemoryMax: 1G}}")
                == [#"m.yaml:4:34: "MemoryMax" is a setting of services, not of a.timer"#])
    }

    @Test(arguments: [
        "{unit: a.timer, settings: {OnCalendar: \"daily\\nExecStart=/bin/sh\"}}",
        "{unit: a.timer, settings: {OnCalendar: '%i daily'}}", "{unit: a.timer, settings: {OnCalendar: often}}",
        "{unit: a.service, settings: {CPUQuota: 0%}}", "{unit: a.service, settings: {CPUQuota: '50'}}",
        "{unit: a.service, settings: {Nice: 20}}", "{unit: a.service, settings: {MemoryMax: 1000}}",
        "{unit: a.service, settings: {MemoryMax: infinity}}",
    ])
    func valuesThatSystemdWouldTakeOtherwiseAreRefused(_ spec: String) { #expect(faults(spec).count == 1) }

    @Test(arguments: [
        "a", "a.mount", "../a.service", "a/b.service", ".service", "a@.service", "-a.service", "a b.service",
        "a\\x2db.service", "plumb-.service", "plumb-unit-.socket", "plumb-unit-@1.service", "a@1-.timer",
    ])
    func whatIsNoNameOfAUnitIsRefused(_ name: String) { #expect(faults("{unit: '\(name)', enabled: true}").count == 1) }

    @Test func aUnitOfWhichNothingIsSaidIsAMistake() {
        #expect(faults("{unit: a.service}") == [#"m.yaml:4:7: "enabled", "state" or "settings" is missing"#])
    }

    @Test func oneUnitHasOneResource() {
        let files = [
            ("a.yaml", manifest("Unit", "a", "{unit: x.service, enabled: true}")),
            ("b.yaml", manifest("Unit", "b", "{unit: x.service, enabled: false}")),
        ]
        guard case .failure(let found) = declare(files) else {
            Issue.record("both were taken")
            return
        }
        #expect(
            found.items.map(\.description) == [
                "b.yaml:1:1: the unit x.service is declared already: Unit/a, at a.yaml:1:1"
            ])
    }

    @Test func whatAUnitIsRestartedForMustBeDeclared() {
        #expect(
            faults("{unit: x.service, enabled: true, restartOn: [Notifier/ops]}")
                == [#"m.yaml:4:52: there is no Notifier named "ops""#])
        #expect(faults("{unit: x.service, enabled: true, restartOn: [ops]}").count == 1)
    }
}
