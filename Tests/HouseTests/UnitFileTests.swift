import Glibc
import Testing

/// The systemd units that are shipped.
@Suite struct UnitFileTests {
    private static let units: [String] = SourceFiles.names("systemd").filter {
        $0.hasSuffix(".service") || $0.hasSuffix(".timer") || $0.hasSuffix(".socket")
    }
    /// The one that is root, because it has to be.
    private static let helper = "plumb-unit-helper@.service"

    private static let daemons = [
        "plumb-server.service", "plumb-proxy.service", "plumb-agent.service", "plumb-page.service",
        "gitops-sync.service",
    ]

    private func values(_ unit: String, _ key: String) throws -> [String] {
        try SourceFiles.text("systemd/\(unit)").split(separator: "\n").compactMap { line in
            line.hasPrefix("\(key)=") ? String(line.dropFirst(key.utf8.count + 1)) : nil
        }
    }

    @Test func eachDaemonHasOne() {
        #expect(
            Self.units == [
                "gitops-sync-once.service", "gitops-sync.service", "gitops-sync.timer", "plumb-agent.service",
                "plumb-page.service", "plumb-proxy.service", "plumb-server.service", "plumb-unit-helper.socket",
                "plumb-unit-helper@.service", "reading-sync.service", "reading-sync.timer",
            ])
    }

    @Test(arguments: units)
    func systemdAcceptsIt(_ unit: String) throws {
        // systemd-analyze comes with systemd, which make test installs; elsewhere there is nothing to ask.
        guard access("/usr/bin/systemd-analyze", X_OK) == 0 else { return }
        var template: [CChar] = Array("/tmp/units-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let folder = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        defer { system("rm -r '\(folder)'") }
        for name in Self.units {
            // It checks that the program can be run; ours are not installed here.
            let text: String = try SourceFiles.text("systemd/\(name)")
                .replacing(/ExecStart=\/usr\/bin\/[a-z-]+/, with: "ExecStart=/bin/true")
            let file = try #require(fopen("\(folder)/\(name)", "w"))
            fputs(text, file)
            fclose(file)
        }
        let status: Int32 = system("cd '\(folder)' && systemd-analyze verify './\(unit)' >output 2>&1 </dev/null")
        let output: String = (try? SourceFiles.textOfFile("\(folder)/output")) ?? ""
        #expect(status == 0, "\(output)")
        #expect(output.isEmpty, "\(output)")
    }

    // Shows F-OP-04
    @Test func noDaemonIsRootAndEachHasItsOwnUser() throws {
        let declared: String = try SourceFiles.text("systemd/plumbline.sysusers.conf")
        for unit in Self.units where unit.hasSuffix(".service") && unit != Self.helper {
            let user: String = try #require(try values(unit, "User").first, "\(unit)")
            #expect(user != "root")
            #expect(declared.contains("u \(user) "), "\(unit): \(user) is not in plumbline.sysusers.conf")
            #expect(try values(unit, "NoNewPrivileges") == ["yes"])
            #expect(try values(unit, "CapabilityBoundingSet") == [""])
        }
    }

    /// The lower the safer; systemd weighs what a unit may still do.
    // Shows F-OP-04
    @Test(
        .enabled(if: access("/usr/bin/systemd-analyze", X_OK) == 0, "systemd-analyze is not installed"),
        arguments: units.filter { $0.hasSuffix(".service") })
    func itsExposureIsLow(_ unit: String) throws {
        // The agent has to see the host as it is: nothing that makes it a view of its own.
        let threshold: Int = unit == "plumb-agent.service" ? 35 : 20
        let command =
            "systemd-analyze security --offline=true --no-pager --threshold=\(threshold) "
            + "'\(SourceFiles.root)/systemd/\(unit)' >/dev/null 2>&1 </dev/null"
        #expect(system(command) == 0, "\(unit) is above \(threshold / 10).\(threshold % 10)")
    }

    // Shows F-OP-04
    @Test func theHelperHasNoRightButThatOfItsUser() throws {
        #expect(try values(Self.helper, "CapabilityBoundingSet") == [""])
        #expect(try values(Self.helper, "NoNewPrivileges") == ["yes"])
        #expect(try values(Self.helper, "ReadWritePaths") == ["/etc/systemd/system"])
        #expect(try values(Self.helper, "PrivateNetwork") == ["yes"])
        #expect(try values("plumb-unit-helper.socket", "SocketMode") == ["0660"])
        #expect(try values("plumb-unit-helper.socket", "SocketGroup") == ["gitops-sync"])
        #expect(try values("plumb-unit-helper.socket", "Accept") == ["yes"])
    }

    /// Within a name space of users the kernel calls every user but a few nobody.
    // Shows F-GO-15
    @Test func whoAsksWhoIsAtTheOtherEndOfASocketSeesAllUsers() throws {
        for unit in ["gitops-sync.service", Self.helper] {
            #expect(try values(unit, "PrivateUsers").isEmpty, "\(unit)")
        }
    }

    // Shows F-OP-04
    @Test func aDaemonThatHangsIsStartedAnewAndHasItsLimits() throws {
        for unit in Self.daemons {
            #expect(try values(unit, "Type") == ["notify"])
            #expect(try values(unit, "WatchdogSec").count == 1)
            #expect(try values(unit, "TasksMax").count == 1)
        }
    }

    // Shows F-ET-08
    @Test func readingSyncAsksWithATokenOfItsOwnAndMakesUpForWhatWasMissed() throws {
        #expect(try values("reading-sync.service", "LoadCredential").first?.hasPrefix("token:") == true)
        #expect(try values("reading-sync.service", "ExecStart").first?.contains("plumb-proxy trigger") == true)
        #expect(try values("reading-sync.service", "SuccessExitStatus") == ["3"])
        #expect(try values("reading-sync.timer", "OnBootSec").count == 1)
        #expect(try values("reading-sync.timer", "OnCalendar").count == 1)
        #expect(try values("reading-sync.timer", "Persistent") == ["true"])
    }

    // Shows F-AG-20
    @Test func anAgentThatLeavesItsRestInTheSpoolIsNoFailedUnit() throws {
        #expect(try values("plumb-agent.service", "SuccessExitStatus") == ["3"])
    }

    @Test func aCorrectionIsNoFailedUnit() throws {
        #expect(try values("gitops-sync-once.service", "SuccessExitStatus") == ["3 5"])
    }

    // Shows F-GO-02, W-B-04
    @Test func theTimerFiresAfterBootAndMakesUpForWhatWasMissed() throws {
        #expect(try values("gitops-sync.timer", "OnBootSec").count == 1)
        #expect(try values("gitops-sync.timer", "OnCalendar") == ["*:0/15"])
        #expect(try values("gitops-sync.timer", "Persistent") == ["true"])
        #expect(try values("gitops-sync.timer", "RandomizedDelaySec").count == 1)
        #expect(try values("gitops-sync.timer", "Unit") == ["gitops-sync-once.service"])
    }

    @Test func daemonsComeBackAndNeverGiveUp() throws {
        for unit in Self.daemons {
            #expect(try values(unit, "Restart") == ["always"])
            #expect(try values(unit, "StartLimitIntervalSec") == ["0"])
        }
    }
}
