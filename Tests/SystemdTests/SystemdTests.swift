import Declarations
import Runtime
import TestSupport
import Testing

/// The shipped units on a real systemd, with a Debian around them.
@Suite(.serialized, .enabled(if: Container.obstacle == nil, "\(Container.obstacle ?? "")"), .timeLimit(.minutes(8)))
struct SystemdTests {
    // Shows F-GO-17, F-OP-04, F-AG-21, F-ET-08
    @Test func theInstalledPlatformComesUpIsHeldToGitAndSurvivesAReboot() async throws {
        let platform = try await InstalledPlatform()
        try await platform.waitUntilInSync("first commit")
        for unit in ["plumb-server", "plumb-proxy", "plumb-agent", "plumb-page", "gitops-sync"] {
            #expect(try await platform.isActive("\(unit).service"), "\(unit)")
        }
        #expect(try await platform.isEnabled("plumb-agent.service"))
        #expect(try await platform.isActive("reading-sync.timer"))
        let container = platform.container
        try await checkSettings(container)
        try await checkData(container)
        try await checkEnrolment(platform)
        try await checkCorrection(platform)
        try await checkTrigger(container)
        try await checkHelper(container)
        try await checkOrders(container)
        try await platform.waitUntilInSync("after the orders")
        try await checkWatchdog(container)
        try await checkOwnUnit(platform)
        try await container.reboot()
        _ = try await answered("gitops-sync after the reboot", within: .seconds(60)) { () async throws -> Bool? in
            try await platform.isActive("gitops-sync.service") ? true : nil
        }
        try await platform.waitUntilInSync("after the reboot")
        for unit in ["plumb-server", "plumb-proxy", "plumb-agent", "plumb-page"] {
            #expect(try await platform.isActive("\(unit).service"), "\(unit)")
        }
        try await checkSettings(container)
        try await checkPruning(platform)
        try await checkOnce(container)
        // Nothing was root, and nothing had to be.
        let failed: String = try await container.shell(
            "systemctl list-units --failed --plain --no-legend | grep -i 'plumb\\|gitops' || true")
        #expect(failed.isEmpty, "\(failed)")
    }

    private func checkSettings(_ container: Container) async throws {
        let shown: String = try await container.shell(
            "systemctl show -p MemoryMax,Nice,NeedDaemonReload plumb-page.service")
        #expect(Set(shown.split(separator: "\n")) == ["MemoryMax=209715200", "Nice=5", "NeedDaemonReload=no"])
        let timers: String = try await container.shell(
            "systemctl show -p TimersMonotonic,TimersCalendar reading-sync.timer")
        #expect(timers.contains("OnUnitActiveUSec=12h") && timers.contains("OnBootUSec=1min"), "\(timers)")
        #expect(!timers.contains("OnCalendar="), "\(timers)")
    }

    private func checkData(_ container: Container) async throws {
        _ = try await answered("samples of the agent", within: .seconds(30)) { () async throws -> Bool? in
            let count: String = try await container.shell(
                "runuser -u plumbline -- psql -Atq -d plumbline -c \"SELECT count(*) > 0 FROM sources WHERE host = 'box'\""
            )
            return count == "t\n" ? true : nil
        }
        _ = try await answered("the status page", within: .seconds(30)) { () async throws -> Bool? in
            try await container.shell("ls /var/lib/plumb-page/status/index.html 2>/dev/null || true").isEmpty
                ? nil : true
        }
    }

    /// The agent got its secret for the token that was put there, and another one for the next after it was revoked.
    private func checkEnrolment(_ platform: InstalledPlatform) async throws {
        let container = platform.container
        let secret = "/var/lib/plumb-agent/credential.json"
        #expect(try await container.shell("stat -c '%U %a' \(secret)") == "plumb-agent 600\n")
        let before: String = try await container.shell("cat \(secret)")
        try await container.shell(
            "plumb revoke --host box --server http://127.0.0.1:7700 --token-file /etc/plumbline/ann.token")
        try await platform.enrolAgent()
        _ = try await answered("another secret", within: .seconds(90)) { () async throws -> Bool? in
            try await container.shell("cat \(secret)") == before ? nil : true
        }
        let seen = "SELECT last_seen FROM agents WHERE host = 'box'"
        let last: String = try await container.shell("runuser -u plumbline -- psql -Atq -d plumbline -c \"\(seen)\"")
        _ = try await answered("the agent again", within: .seconds(60)) { () async throws -> Bool? in
            let now: String = try await container.shell(
                "runuser -u plumbline -- psql -Atq -d plumbline -c \"\(seen)\"")
            return now == last ? nil : true
        }
        // What else this Debian lacks is no matter here.
        let check: String = try await container.shell(
            "runuser -u plumb-agent -- plumb-agent check --state-dir /var/lib/plumb-agent || true")
        #expect(check.hasPrefix("config /var/lib/plumb-agent/config.json  readable   1 resources\n"), "\(check)")
    }

    /// Somebody with root does something by hand.
    private func checkCorrection(_ platform: InstalledPlatform) async throws {
        let container = platform.container
        let started = "systemctl show -p ActiveEnterTimestampMonotonic plumb-agent.service"
        let before: String = try await container.shell(started)
        try await container.shell(
            """
            systemctl disable -q plumb-page.service
            echo 'MemoryMax=1G' >>/etc/systemd/system/plumb-page.service.d/50-plumbline.conf
            systemctl stop plumb-proxy.service
            """)
        _ = try await answered("corrected", within: .seconds(60)) { () async throws -> Bool? in
            guard try await platform.isEnabled("plumb-page.service"), try await platform.isActive("plumb-proxy.service")
            else { return nil }
            let dropIn: String = try await container.shell(
                "cat /etc/systemd/system/plumb-page.service.d/50-plumbline.conf")
            return dropIn.contains("1G") ? nil : true
        }
        try await platform.waitUntilInSync("after the correction")
        try await checkSettings(container)
        for change in try await platform.corrections(of: ["page", "proxy"]) {
            #expect(change["target"]?.string == "systemd")
            #expect(change["changedBy"]?["via"]?.string == "systemd")
            #expect(change["changedBy"]?["who"] == .null)
        }
        // What was as declared was left alone.
        #expect(try await container.shell(started) == before)
        try await checkWatch(platform)
    }

    /// A stopped service asks for a look by itself: now and then a timer is quicker, but not each time.
    private func checkWatch(_ platform: InstalledPlatform) async throws {
        _ = try await answered("corrected in a run that the stop began", within: .seconds(60)) {
            () async throws -> Bool? in
            if try await platform.isActive("plumb-proxy.service") {
                try await platform.container.shell("systemctl stop plumb-proxy.service")
            }
            return try await platform.hasCorrected("proxy", uponTrigger: "event") ? true : nil
        }
        try await platform.waitUntilInSync("after the watch")
    }

    /// The timer's service asks the proxy, with its token, over the proxy's API.
    private func checkTrigger(_ container: Container) async throws {
        _ = try await answered("the pipeline was triggered", within: .seconds(30)) { () async throws -> Bool? in
            try await container.shell("systemctl start reading-sync.service")
            let count: String = try await container.shell(
                "runuser -u plumbline -- psql -Atq -d plumbline -c 'SELECT count(*) FROM events'")
            return count == "1\n" ? true : nil
        }
    }

    /// The helper does what is on its list, for one user, and nothing else.
    private func checkHelper(_ container: Container) async throws {
        func ask(_ user: String, _ request: String) async throws -> String {
            try await container.shell(
                """
                runuser -u \(user) -- perl -MIO::Socket::UNIX -e '
                    my $socket = IO::Socket::UNIX->new(Peer => "/run/plumb-unit-helper.sock") or do { print "$!"; exit };
                    print $socket q(\(request)) . "\\n"; print <$socket>;'
                """)
        }
        let stop = #"{"operation":"stop","unit":"dbus.service"}"#
        #expect(try await ask("plumb-page", stop) == "Permission denied")
        #expect(try await ask("gitops-sync", stop).contains("not among the units"))
        #expect(try await ask("root", stop).contains("may not ask"))
        #expect(try await container.shell("systemctl is-active dbus.service") == "active\n")
        let program = #"{"operation":"settings","unit":"plumb-page.service","settings":{"ExecStartPre":"/bin/sh"}}"#
        #expect(try await ask("gitops-sync", program).contains("unknown field"))
        let socket = #"{"operation":"stop","unit":"plumb-unit-helper.socket"}"#
        #expect(try await ask("gitops-sync", socket).contains("not among the units"))
        // Settings of this name would be those of the helper too.
        let many = #"{"operation":"settings","unit":"plumb-unit-.service","settings":{"MemoryMax":1048576}}"#
        #expect(try await ask("gitops-sync", many).contains(#""error""#))
        #expect(try await container.shell("ls -d /etc/systemd/system/plumb-unit-* 2>/dev/null || true").isEmpty)
    }

    /// A daemon that stands still is killed and started again.
    private func checkWatchdog(_ container: Container) async throws {
        try await container.shell(
            """
            mkdir -p /run/systemd/system/plumb-page.service.d
            printf '[Service]\\nWatchdogSec=2s\\n' >/run/systemd/system/plumb-page.service.d/watchdog.conf
            systemctl daemon-reload
            systemctl restart plumb-page.service
            """)
        let process = "systemctl show -p MainPID --value plumb-page.service"
        let before: String = try await container.shell(process)
        // It says that it is alive, for longer than it may be silent; and then it is stopped dead.
        var heard: Set<String> = []
        _ = try await answered("signs of life", within: .seconds(30)) { () async throws -> Bool? in
            heard.insert(try await container.shell("systemctl show -p WatchdogTimestampMonotonic plumb-page.service"))
            return heard.count > 5 ? true : nil
        }
        #expect(try await container.shell(process) == before)
        try await container.shell("kill -STOP \(before)")
        _ = try await answered("the watchdog", within: .seconds(40)) { () async throws -> Bool? in
            let isSeen: String = try await container.shell(
                "journalctl --no-pager -u plumb-page.service | grep -c 'Watchdog timeout' || true")
            let now: String = try await container.shell(process)
            return isSeen != "0\n" && now != before && now != "0\n" ? true : nil
        }
        try await container.shell("rm -r /run/systemd/system/plumb-page.service.d; systemctl daemon-reload")
    }

    /// gitops-sync restarts itself once for a setting of its own unit, and goes on.
    private func checkOwnUnit(_ platform: InstalledPlatform) async throws {
        let shown = "systemctl show -p Nice,MainPID --value gitops-sync.service"
        let before: String = try await platform.container.shell(shown)
        try await platform.writeUnit("gitops-sync", "{unit: gitops-sync.service, settings: {Nice: 3}}")
        try await platform.commit("A nicer gitops-sync")
        _ = try await answered("its own restart", within: .seconds(30)) { () async throws -> Bool? in
            let now: [Substring] = try await platform.container.shell(shown).split(separator: "\n")
            return now.contains("3") && Set(now).isDisjoint(with: before.split(separator: "\n")) ? true : nil
        }
        try await platform.waitUntilInSync("after its own restart")
        let after: String = try await platform.container.shell(shown)
        var looks: Set<String> = []
        _ = try await answered("more looks", within: .seconds(30)) { () async throws -> Bool? in
            looks.insert(try await platform.report()["lastFinishedAt"]?.string ?? "")
            return looks.count > 2 ? true : nil
        }
        #expect(try await platform.container.shell(shown) == after)
        // It ended as it was asked to, and the run in which it did so is told of.
        let failures: String = try await platform.container.shell(
            "journalctl --no-pager -u gitops-sync.service | grep -c 'Failed with result\\|code=dumped' || true")
        #expect(failures == "0\n")
        let history: String = try await platform.container.shell(
            "gitops-sync history --limit 50 --config /etc/plumbline/gitops-sync.yaml --output json")
        #expect(history.contains(#""path":"/settings/Nice""#))
    }

    /// The alternative to the daemon: one run, which ends well although it may have had something to do.
    private func checkOnce(_ container: Container) async throws {
        try await container.shell("systemctl stop gitops-sync.service && systemctl start gitops-sync-once.service")
        #expect(
            try await container.shell("systemctl show -p Result --value gitops-sync-once.service") == "success\n")
        #expect(
            try await container.shell("systemctl list-unit-files --no-legend gitops-sync.timer").contains(
                "gitops-sync.timer"))
    }

    private func checkPruning(_ platform: InstalledPlatform) async throws {
        try await platform.write(nil, to: "units/page.yaml")
        try await platform.commit("No page")
        _ = try await answered("the page's unit is given up", within: .seconds(30)) { () async throws -> Bool? in
            let isActive: Bool = try await platform.isActive("plumb-page.service")
            let isEnabled: Bool = try await platform.isEnabled("plumb-page.service")
            return isActive || isEnabled ? nil : true
        }
        let rest: String = try await platform.container.shell(
            "ls -d /etc/systemd/system/plumb-page.service.d 2>/dev/null || true")
        #expect(rest.isEmpty)
        try await platform.waitUntilInSync("after the pruning")
    }
}
