import Declarations
import SystemdUnits
import Telemetry
import Testing

@Suite struct UnitPlanningTests {
    private let now = Timestamp(milliseconds: 1_000_000)
    private let nice: [UnitSetting: JSONValue] = [.nice: 5]

    private func plan(
        _ spec: UnitSpec, _ look: UnitLook, isOutdated: Bool = false, own: String? = nil
    ) throws -> [String] {
        try operations(for: spec, seeing: look, isOutdated: isOutdated, own: own, now: now).map(\.description)
    }

    private func running(_ dropIn: String? = nil, since: Int64 = 500, written: Int64 = 400) -> UnitLook {
        UnitLook(
            unit: "a.service", activeState: "active", subState: "running", fileState: "enabled",
            activeSince: Timestamp(milliseconds: since * 1000), dropIn: dropIn,
            dropInChangedAt: dropIn.map { _ in Timestamp(milliseconds: written * 1000) })
    }

    // Shows F-GO-17
    @Test func aFreshUnitIsWrittenReadEnabledAndStarted() throws {
        let spec = UnitSpec(unit: "a.service", enabled: true, state: .running, settings: nice)
        #expect(
            try plan(spec, UnitLook(unit: "a.service"))
                == ["write the drop-in of a.service", "daemon-reload", "enable a.service", "start a.service"])
    }

    // Shows F-GO-17
    @Test func nothingIsDoneAboutAUnitThatIsAsDeclared() throws {
        let spec = UnitSpec(unit: "a.service", enabled: true, state: .running, settings: nice)
        #expect(try plan(spec, running(DropIn.text(nice))).isEmpty)
        #expect(try plan(spec, running("# a remark\n[Service]\nNice = 5\n")).isEmpty)
    }

    // Shows F-GO-17
    @Test func onlyAChangedDropInReloadsAndRestarts() throws {
        let spec = UnitSpec(unit: "a.service", enabled: true, state: .running, settings: nice)
        #expect(
            try plan(spec, running("[Service]\nNice=7\n"))
                == ["write the drop-in of a.service", "daemon-reload", "restart a.service"])
        var disabled: UnitLook = running(DropIn.text(nice))
        disabled.fileState = "disabled"
        #expect(try plan(spec, disabled) == ["enable a.service"])
    }

    @Test func aRestartThatWasCutOffIsMadeUpFor() throws {
        let spec = UnitSpec(unit: "a.service", state: .running, settings: nice)
        #expect(try plan(spec, running(DropIn.text(nice), since: 300)) == ["restart a.service"])
        // A clock that was set back must not restart a service for ever.
        #expect(try plan(spec, running(DropIn.text(nice), since: 300, written: 2000)).isEmpty)
        var unread: UnitLook = running(DropIn.text(nice))
        unread.needsReload = true
        #expect(try plan(spec, unread) == ["daemon-reload"])
    }

    @Test func aUnitIsRestartedForItsDependenciesOnlyWhileItRuns() throws {
        #expect(
            try plan(UnitSpec(unit: "a.service", enabled: true), running(), isOutdated: true) == ["restart a.service"])
        #expect(
            try plan(UnitSpec(unit: "a.service", state: .stopped), UnitLook(unit: "a.service"), isOutdated: true)
                .isEmpty)
    }

    @Test func aUnitIsStoppedAndDisabledWhereGitSaysSo() throws {
        #expect(
            try plan(UnitSpec(unit: "a.service", enabled: false, state: .stopped), running())
                == ["disable a.service", "stop a.service"])
    }

    @Test func aMaskedUnitIsUnmasked() throws {
        let masked = UnitLook(unit: "a.service", loadState: "masked", fileState: "masked")
        let spec = UnitSpec(unit: "a.service", enabled: true, state: .running)
        #expect(try plan(spec, masked) == ["unmask a.service", "enable a.service", "start a.service"])
        #expect(try plan(UnitSpec(unit: "a.service", enabled: false), masked).isEmpty)
    }

    @Test func whatCannotBeIsSaidWithItsRemedy() {
        #expect(throws: UnitPlanError(description: "a.service is not installed on this machine")) {
            try plan(UnitSpec(unit: "a.service", enabled: true), UnitLook(unit: "a.service", loadState: "not-found"))
        }
        #expect {
            try plan(UnitSpec(unit: "a.service", enabled: true), UnitLook(unit: "a.service", fileState: "static"))
        } throws: { "\($0)".contains("[Install]") }
        #expect {
            try plan(UnitSpec(unit: "a.service", state: .stopped), running(), own: "a.service")
        } throws: { "\($0)".contains("does not stop itself") }
    }

    @Test func whatGitTurnedOnIsTurnedOffWhenItIsDropped() {
        func given(_ spec: UnitSpec, own: String? = nil) -> [String] {
            operations(givingUp: spec, seeing: running(DropIn.text(nice)), own: own).map(\.description)
        }
        #expect(
            given(UnitSpec(unit: "a.service", enabled: true, state: .running)) == [
                "remove the drop-in of a.service", "daemon-reload", "disable a.service", "stop a.service",
            ])
        // What git never spoke of stays.
        #expect(
            given(UnitSpec(unit: "a.service", settings: nice)) == ["remove the drop-in of a.service", "daemon-reload"])
        #expect(
            given(UnitSpec(unit: "a.service", enabled: true, state: .running), own: "a.service")
                == ["remove the drop-in of a.service", "daemon-reload"])
    }
}
