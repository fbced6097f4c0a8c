import Declarations
import SystemdUnits
import Telemetry
import Testing

@Suite struct UnitLookTests {
    @Test func theAnswerOfSystemctlIsReadBlockByBlock() throws {
        let shown = """
            LoadState=loaded
            ActiveState=active
            SubState=running
            DropInPaths=/etc/systemd/system/a.service.d/50-plumbline.conf /etc/systemd/system/a.service.d/override.conf /usr/lib/systemd/system/service.d/x.conf
            UnitFileState=enabled
            StateChangeTimestamp=Sat 2026-11-21 09:36:51.000000 UTC
            ActiveEnterTimestamp=Sat 2026-11-21 09:36:50.307300 UTC
            NeedDaemonReload=yes

            LoadState=not-found
            ActiveState=inactive
            SubState=dead
            DropInPaths=
            UnitFileState=
            StateChangeTimestamp=
            ActiveEnterTimestamp=
            NeedDaemonReload=no

            """
        let looks = try #require(UnitLook.looks(at: ["a.service", "b.service"], shown: shown))
        #expect(
            looks[0]
                == UnitLook(
                    unit: "a.service", activeState: "active", subState: "running", fileState: "enabled",
                    needsReload: true, activeSince: Timestamp(rfc3339: "2026-11-21T09:36:50.3073Z"),
                    changedAt: Timestamp(rfc3339: "2026-11-21T09:36:51Z"),
                    otherDropIns: ["/etc/systemd/system/a.service.d/override.conf"]))
        #expect(!looks[1].isInstalled)
        #expect(looks[0].complaint?.contains("override.conf") == true)
        #expect(UnitLook.looks(at: ["a.service"], shown: shown) == nil)
    }

    @Test func aUnitThatEndsOverAndOverRunsAndIsNotWell() {
        let look = UnitLook(unit: "a.service", activeState: "activating", subState: "auto-restart")
        #expect(look.isRunning)
        #expect(look.complaint?.contains("journalctl") == true)
        #expect(UnitLook(unit: "a.service", activeState: "failed").complaint != nil)
        #expect(UnitLook(unit: "a.service").complaint == nil)
    }
}
