import ConfigAPI
import Declarations
import Reconciliation
import Runtime
@testable import SyncDaemon
import SystemdUnits
import Telemetry
import TestSupport
import Testing

/// The machine's own units, held to git beside the stores.
@Suite struct UnitTargetTests {
    private let page = "plumb-page.service"
    private let key = ResourceKey(.unit, "page")

    private func text(_ spec: String, name: String = "page", annotations: String = "") -> String {
        """
        apiVersion: plumbline/v1
        kind: Unit
        metadata:
          name: \(name)
        \(annotations.isEmpty ? "" : "  annotations: {\(annotations)}")
        spec: \(spec)
        """
    }

    private var full: String { "{unit: plumb-page.service, enabled: true, state: running, settings: {MemoryMax: 1G}}" }

    // Shows F-GO-17
    @Test func aDeclaredUnitIsWrittenEnabledAndStartedOnce() async throws {
        let units = InMemoryUnits([page])
        let fixture = try await SyncFixture(units: units)
        try await fixture.repository.commit(["retention.yaml": retentionText("30d"), "page.yaml": text(full)])
        let reconciler = try fixture.reconciler()
        let report = await reconciler.run(.startup, fetches: true)
        #expect(report.outcome == .applied)
        let change = try #require(report.changes.first { $0.target == .systemd })
        #expect(change.action == .create)
        #expect(change.result == .applied)
        #expect(change.fields.map(\.path) == ["/enabled", "/settings/MemoryMax", "/state", "/unit"])
        #expect(
            report.targets.map { "\($0.name) \($0.state)" } == ["server inSync", "agents inSync", "systemd inSync"])
        #expect(
            units.takeOperations() == [
                "write the drop-in of plumb-page.service", "daemon-reload", "enable plumb-page.service",
                "start plumb-page.service",
            ])
        #expect(units.look(page).dropIn?.contains("MemoryMax=1073741824\n") == true)
        #expect(await reconciler.run(.timer, fetches: true).outcome == .inSync)
        #expect(units.takeOperations().isEmpty)
        // It is remembered beyond the process.
        let next = try fixture.reconciler()
        #expect(await next.run(.startup, fetches: true).outcome == .inSync)
        #expect(units.takeOperations().isEmpty)
    }

    // Shows F-GO-06, F-GO-17
    @Test func whatSomebodyDoesToAUnitIsUndoneAndNobodyIsNamed() async throws {
        let units = InMemoryUnits([page])
        let fixture = try await SyncFixture(units: units)
        try await fixture.repository.commit(["page.yaml": text(full)])
        let reconciler = try fixture.reconciler()
        _ = await reconciler.run(.startup, fetches: true)
        _ = units.takeOperations()
        let at = Timestamp(milliseconds: 1_700_000_000_000)
        units.edit(page) {
            $0.fileState = "disabled"
            $0.dropIn = "[Service]\nMemoryMax=2G\nExecStartPre=/bin/evil\n"
            $0.dropInChangedAt = at
        }
        let report = await reconciler.run(.timer, fetches: false)
        #expect(report.outcome == .corrected)
        let change = try #require(report.changes.first)
        #expect(change.causes == [.drift])
        #expect(change.changedBy == ChangedBy(who: nil, at: at, via: .systemd))
        #expect(
            change.fields == [
                FieldChange(path: "/enabled", declared: true, live: false),
                FieldChange(path: "/settings/MemoryMax", declared: .integer(1 << 30), live: "2G"),
                FieldChange(path: "/settings/Service.ExecStartPre", declared: nil, live: "/bin/evil"),
            ])
        #expect(change.result == .applied)
        #expect(
            units.takeOperations() == [
                "write the drop-in of plumb-page.service", "daemon-reload", "enable plumb-page.service",
                "restart plumb-page.service",
            ])
        #expect(report.text(.plain).contains("changed by somebody unknown via systemd at"))
        #expect(report.declaredDigest == report.liveDigest)
    }

    // Shows F-GO-17
    @Test func aUnitThatGitDroppedIsTurnedOffAndForgotten() async throws {
        let units = InMemoryUnits([page])
        let fixture = try await SyncFixture(units: units)
        try await fixture.repository.commit(["retention.yaml": retentionText("30d"), "page.yaml": text(full)])
        let reconciler = try fixture.reconciler()
        _ = await reconciler.run(.startup, fetches: true)
        _ = units.takeOperations()
        try await fixture.repository.commit(["page.yaml": nil])
        let report = await reconciler.run(.timer, fetches: true)
        #expect(report.changes.map(\.action) == [.delete])
        #expect(report.changes.map(\.result) == [.applied])
        #expect(
            units.takeOperations() == [
                "remove the drop-in of plumb-page.service", "daemon-reload", "disable plumb-page.service",
                "stop plumb-page.service",
            ])
        // Nobody holds it any more: somebody may turn it on again.
        units.edit(page) { $0.fileState = "enabled" }
        let next = await reconciler.run(.timer, fetches: false)
        #expect(next.outcome == .inSync)
        #expect(units.takeOperations().isEmpty)
    }

    @Test func aUnitUnderAnotherNameStaysAsItIs() async throws {
        let units = InMemoryUnits([page])
        let fixture = try await SyncFixture(units: units)
        try await fixture.repository.commit(["page.yaml": text(full)])
        let reconciler = try fixture.reconciler()
        _ = await reconciler.run(.startup, fetches: true)
        _ = units.takeOperations()
        try await fixture.repository.commit(["page.yaml": text(full, name: "status")])
        let report = await reconciler.run(.timer, fetches: true)
        #expect(report.outcome == .applied)
        #expect(units.takeOperations().isEmpty)
        #expect(units.look(page).isEnabled)
    }

    @Test func whatIsToStayStays() async throws {
        let units = InMemoryUnits([page])
        let fixture = try await SyncFixture(units: units)
        try await fixture.repository.commit([
            "retention.yaml": retentionText("30d"), "page.yaml": text(full, annotations: "plumbline/prune: keep"),
        ])
        let reconciler = try fixture.reconciler()
        _ = await reconciler.run(.startup, fetches: true)
        _ = units.takeOperations()
        try await fixture.repository.commit(["page.yaml": nil])
        let report = await reconciler.run(.timer, fetches: true)
        #expect(report.kept == ["Unit/page"])
        #expect(units.takeOperations().isEmpty)
    }

    // Shows F-GO-17
    @Test func aUnitIsRestartedWhenACommitChangesWhatItDependsOnAndNotForDrift() async throws {
        let units = InMemoryUnits([page])
        let fixture = try await SyncFixture(units: units)
        let spec = "{unit: plumb-page.service, state: running, restartOn: [Retention/metrics]}"
        try await fixture.repository.commit(["retention.yaml": retentionText("30d"), "page.yaml": text(spec)])
        let reconciler = try fixture.reconciler()
        _ = await reconciler.run(.startup, fetches: true)
        #expect(units.takeOperations() == ["start plumb-page.service"])
        await fixture.target.edit(retention, ["dataset": "metrics", "keep": "90d"])
        #expect(await reconciler.run(.timer, fetches: false).outcome == .corrected)
        #expect(units.takeOperations().isEmpty)
        try await fixture.repository.commit(["retention.yaml": retentionText("31d")])
        let report = await reconciler.run(.timer, fetches: true)
        #expect(units.takeOperations() == ["restart plumb-page.service"])
        let change = try #require(report.changes.first { $0.target == .systemd })
        #expect(change.fields == [FieldChange(path: "/restartOn", declared: ["Retention/metrics"], live: nil)])
        #expect(await reconciler.run(.timer, fetches: false).outcome == .inSync)
        #expect(units.takeOperations().isEmpty)
    }

    @Test func whatFailsIsSaidOfItsUnitAloneAndTriedAgain() async throws {
        let other = "plumb-agent.service"
        let units = InMemoryUnits([page, other])
        units.refuse(.start)
        let fixture = try await SyncFixture(units: units)
        try await fixture.repository.commit([
            "page.yaml": text(full), "agent.yaml": text("{unit: \(other), enabled: true}", name: "agent"),
            "gone.yaml": text("{unit: plumb-gone.service, enabled: true}", name: "gone"),
        ])
        let reconciler = try fixture.reconciler()
        let report = await reconciler.run(.startup, fetches: true)
        #expect(report.outcome == .failed)
        #expect(report.changes.map { "\($0.name) \($0.result)" } == ["agent applied", "gone failed", "page failed"])
        #expect(report.changes.last?.error == "Job failed")
        #expect(report.changes[1].error?.contains("not installed") == true)
        units.refuse(nil)
        _ = units.takeOperations()
        let next = await reconciler.run(.timer, fetches: false)
        let change = try #require(next.changes.first { $0.name == "page" })
        #expect(change.causes == [.commit])
        #expect(change.result == .applied)
        #expect(units.takeOperations() == ["start plumb-page.service"])
    }

    @Test func aUnitThatIsNotAllowedRefusesTheCommitAtItsLine() async throws {
        let units = InMemoryUnits(["ssh.service"])
        let fixture = try await SyncFixture(units: units)
        try await fixture.repository.commit(["ssh.yaml": "# \n" + text("{unit: ssh.service, enabled: false}")])
        let report = await (try fixture.reconciler()).run(.startup, fetches: true)
        #expect(report.outcome == .refused)
        #expect(report.problems.map { "\($0.file):\($0.mark.line)" } == ["ssh.yaml:2"])
        #expect(report.problems.first?.message.contains("units.allow") == true)
        #expect(units.takeOperations().isEmpty)
        let allowing = try fixture.reconciler("units: {allow: 'ssh.*, plumb-*'}", stateDirectory: "other")
        #expect(await allowing.run(.startup, fetches: true).outcome != .refused)
    }

    // Shows F-GO-05
    @Test func unitsThatCannotBeSeenAreUnknownAndHoldBackNothing() async throws {
        let units = InMemoryUnits([page])
        units.set(isDown: true)
        let fixture = try await SyncFixture(units: units)
        try await fixture.repository.commit(["retention.yaml": retentionText("30d"), "page.yaml": text(full)])
        let reconciler = try fixture.reconciler()
        let report = await reconciler.run(.startup, fetches: true)
        #expect(report.outcome == .incomplete)
        #expect(report.targets.last?.name == .systemd)
        #expect(report.targets.last?.message?.contains("not been booted") == true)
        #expect(await fixture.target.spec(retention) != nil)
        units.set(isDown: false)
        #expect(await reconciler.run(.timer, fetches: false).outcome == .applied)
    }

    // Shows F-GO-05
    @Test func unitsAreCorrectedWhileTheServerIsDown() async throws {
        let units = InMemoryUnits([page])
        let fixture = try await SyncFixture(units: units)
        try await fixture.repository.commit(["page.yaml": text(full)])
        let reconciler = try fixture.reconciler()
        _ = await reconciler.run(.startup, fetches: true)
        await fixture.target.set(isDown: true)
        units.edit(page) { ($0.activeState, $0.subState) = ("inactive", "dead") }
        let report = await reconciler.run(.timer, fetches: false)
        #expect(report.changes.map(\.result) == [.applied])
        #expect(units.look(page).isRunning)
    }

    @Test func aPlanShowsWhatWouldBecomeOfAUnitAndDoesNothing() async throws {
        let units = InMemoryUnits([page])
        let fixture = try await SyncFixture(units: units)
        try await fixture.repository.commit(["page.yaml": text(full)])
        let reconciler = try fixture.reconciler()
        let preview = try await reconciler.preview(.newest)
        #expect(
            preview.report.changes.map { "\($0.target) \($0.name) \($0.action) \($0.result)" } == [
                "systemd page create planned"
            ])
        #expect(units.takeOperations().isEmpty)
        _ = await reconciler.run(.startup, fetches: true)
        _ = units.takeOperations()
        units.edit(page) { $0.fileState = "masked" }
        let drift = try await reconciler.drift()
        #expect(drift.report.changes.map(\.causes) == [[.drift]])
        #expect(units.takeOperations().isEmpty)
    }

    @Test func theUnitOfThisProcessIsReadFromItsControlGroup() {
        #expect(
            SystemdHost.unit(inCgroup: "4:memory:/x\n1:name=systemd:/system.slice/gitops-sync.service\n")
                == "gitops-sync.service")
        #expect(SystemdHost.unit(inCgroup: "0::/system.slice/gitops-sync.service\n") == "gitops-sync.service")
        #expect(SystemdHost.unit(inCgroup: "0::/user.slice/session-3.scope\n") == nil)
    }

    @Test func aUnitThatSomebodyJustRestartsIsNoDrift() async throws {
        let units = InMemoryUnits([page])
        let fixture = try await SyncFixture(units: units)
        try await fixture.repository.commit(["page.yaml": text(full)])
        let reconciler = try fixture.reconciler()
        _ = await reconciler.run(.startup, fetches: true)
        _ = units.takeOperations()
        units.edit(page) { ($0.activeState, $0.subState) = ("deactivating", "stop-sigterm") }
        #expect(await reconciler.run(.timer, fetches: false).outcome == .inSync)
        #expect(units.takeOperations().isEmpty)
        units.edit(page) { ($0.activeState, $0.subState) = ("failed", "failed") }
        #expect(await reconciler.run(.timer, fetches: false).outcome == .corrected)
        #expect(units.takeOperations() == ["start plumb-page.service"])
    }

    @Test func observingChangesNoUnit() async throws {
        let units = InMemoryUnits([page])
        let fixture = try await SyncFixture(units: units)
        try await fixture.repository.commit(["page.yaml": text(full)])
        let report = await (try fixture.reconciler("mode: observe")).run(.startup, fetches: true)
        #expect(report.outcome == .drifted)
        #expect(units.takeOperations().isEmpty)
    }

    /// The restart of the process that asks for it must find what it did.
    @Test func theReconcilersOwnUnitIsTheLastAndIsRememberedBeforeItsRestart() async throws {
        let own = "gitops-sync.service"
        let units = InMemoryUnits([own, page], own: own)
        units.edit(own) { ($0.fileState, $0.activeState, $0.subState) = ("enabled", "active", "running") }
        let fixture = try await SyncFixture(units: units)
        try await fixture.repository.commit([
            "a.yaml": text("{unit: \(own), settings: {Nice: 5}}", name: "a"), "page.yaml": text(full),
        ])
        let reconciler = try fixture.reconciler()
        _ = await reconciler.run(.startup, fetches: true)
        #expect(units.takeOperations().last == "restart gitops-sync.service")
        try await fixture.repository.commit(["a.yaml": text("{unit: \(own), state: stopped}", name: "a")])
        let report = await reconciler.run(.timer, fetches: true)
        #expect(report.changes.first?.error?.contains("does not stop itself") == true)
        #expect(units.look(own).isRunning)
    }
}
