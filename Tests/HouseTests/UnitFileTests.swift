import Glibc
import Testing

/// The systemd units that are shipped.
@Suite struct UnitFileTests {
    private static let units: [String] = SourceFiles.names("systemd").filter {
        $0.hasSuffix(".service") || $0.hasSuffix(".timer")
    }

    private func values(_ unit: String, _ key: String) throws -> [String] {
        try SourceFiles.text("systemd/\(unit)").split(separator: "\n").compactMap { line in
            line.hasPrefix("\(key)=") ? String(line.dropFirst(key.utf8.count + 1)) : nil
        }
    }

    @Test func eachDaemonHasOne() {
        #expect(
            Self.units == [
                "gitops-sync-once.service", "gitops-sync.service", "gitops-sync.timer", "plumb-agent.service",
                "plumb-page.service", "plumb-proxy.service", "plumb-server.service", "reading-sync.service",
                "reading-sync.timer",
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
        for unit in Self.units where unit.hasSuffix(".service") {
            let user: String = try #require(try values(unit, "User").first, "\(unit)")
            #expect(user != "root")
            #expect(declared.contains("u \(user) "), "\(unit): \(user) is not in plumbline.sysusers.conf")
            #expect(try values(unit, "NoNewPrivileges") == ["yes"])
            #expect(try values(unit, "CapabilityBoundingSet") == [""])
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
        for unit in [
            "plumb-server.service", "plumb-proxy.service", "plumb-agent.service", "plumb-page.service",
            "gitops-sync.service",
        ] {
            #expect(try values(unit, "Restart") == ["always"])
            #expect(try values(unit, "StartLimitIntervalSec") == ["0"])
        }
    }
}
