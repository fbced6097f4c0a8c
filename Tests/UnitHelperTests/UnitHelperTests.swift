import Declarations
import Glibc
import Runtime
import Systemd
import SystemdUnits
import TestSupport
import Testing

private let activator = "/usr/bin/systemd-socket-activate"

/// The built helper behind a socket, with a `systemctl` that writes down what it is asked.
private final class HelperFixture: Sendable {
    let folder: TemporaryFolder
    private let program: ChildProgram

    init(user: UInt32 = getuid(), allow: String? = "plumb-* other.timer") async throws {
        folder = try TemporaryFolder()
        let systemctl: String = try folder.write(
            "#!/bin/sh\necho \"$@\" >>'\(folder("asked"))'\ncase $* in *plumb-broken*) echo 'Job failed.' >&2; exit 1 ;; esac\n",
            to: "systemctl", mode: 0o700)
        mkdir(folder("units"), 0o755)
        if let allow { try folder.write(allow, to: "allow", mode: 0o644) }
        program = try ChildProgram(
            activator,
            [
                "--accept", "--listen=\(folder("socket"))", try BuiltPrograms.path("plumb-unit-helper"), "--user",
                "\(user)", "--allow", folder("allow"), "--folder", folder("units"), "--systemctl", systemctl,
            ])
        _ = try await answered("the socket") { self.isListening ? true : nil }
    }

    /// A socket has its name before anybody listens at it. To try it would start the helper.
    private var isListening: Bool {
        let accepts = " 00010000 "
        let sockets: String = (try? Files.text("/proc/net/unix", limit: 16 << 20)) ?? ""
        return sockets.split(separator: "\n").contains { $0.hasSuffix(folder("socket")) && $0.contains(accepts) }
    }

    /// What the helper answers; nil where it did what was asked.
    func ask(_ operation: UnitOperation) async -> String? {
        do throws(SystemdError) {
            try await HelperClient(path: folder("socket"), timeoutSeconds: 30).carryOut(operation)
            return nil
        } catch { return error.description }
    }

    /// Sends bytes of somebody who does not speak as we do.
    func send(_ text: String) throws -> String {
        let stream = try UnixStream(path: folder("socket"), timeoutSeconds: 30)
        try? stream.send(Array(text.utf8))
        var answer: [UInt8] = []
        while true {
            guard let bytes = try? stream.receive(), !bytes.isEmpty else { break }
            answer += bytes
        }
        return String(decoding: answer, as: UTF8.self)
    }

    /// What systemctl was asked.
    var asked: [String] {
        ((try? Files.text(folder("asked"))) ?? "").split(separator: "\n").map(String.init)
    }
}

@Suite(.enabled(if: access(activator, X_OK) == 0, "systemd-socket-activate is not installed"))
struct UnitHelperTests {
    // Shows F-GO-17
    @Test func whatIsOnTheListIsDone() async throws {
        let helper = try await HelperFixture()
        #expect(await helper.ask(.settings(unit: "plumb-page.service", [.nice: 5])) == nil)
        let file: String = DropIn.path(of: "plumb-page.service", in: helper.folder("units"))
        #expect(try Files.text(file) == DropIn.text([.nice: 5]))
        var status = stat()
        #expect(lstat(file, &status) == 0 && status.st_mode & 0o7777 == 0o644)
        #expect(await helper.ask(.reload) == nil)
        for verb in UnitOperation.Verb.allCases {
            #expect(await helper.ask(.change(verb, unit: "plumb-page.service")) == nil)
        }
        #expect(
            helper.asked == ["--no-ask-password daemon-reload"]
                + UnitOperation.Verb.allCases.map { "--no-ask-password \($0.rawValue) -- plumb-page.service" })
        #expect(await helper.ask(.settings(unit: "plumb-page.service", [:])) == nil)
        #expect(!Files.exists(helper.folder("units/plumb-page.service.d")))
    }

    // Shows F-GO-17
    @Test(arguments: [
        "ssh.service", "plumb-unit-helper.socket", "plumb-unit-helper@1.service", "plumb-a/../../x.service",
        // systemd gives the drop-ins of these to every unit whose name goes on so.
        "plumb-unit-.service", "plumb-.service", "plumb-unit-.socket", "plumb-unit-@1.service",
    ])
    func whatIsNotOnTheListIsNot(_ unit: String) async throws {
        let helper = try await HelperFixture()
        #expect(await helper.ask(.change(.start, unit: unit))?.contains("not among the units") == true)
        #expect(await helper.ask(.settings(unit: unit, [.nice: 1])) != nil)
        #expect(helper.asked.isEmpty)
        #expect(Files.names(in: helper.folder("units")).isEmpty)
    }

    @Test func anotherUserIsRefused() async throws {
        let helper = try await HelperFixture(user: getuid() + 1)
        #expect(await helper.ask(.reload)?.contains("may not ask") == true)
        #expect(helper.asked.isEmpty)
    }

    @Test(arguments: [
        "{\"operation\":\"exec\",\"unit\":\"plumb-page.service\"}\n", "\n", "[]\n", "no json\n",
        String(repeating: "x", count: 20_000) + "\n",
        "{\"operation\":\"settings\",\"unit\":\"plumb-page.service\",\"settings\":{\"ExecStart\":\"/bin/sh\"}}\n",
    ])
    func whatIsNoRequestIsAnsweredAndNothingIsDone(_ text: String) async throws {
        let helper = try await HelperFixture()
        #expect(try helper.send(text).contains("\"error\"") || text.utf8.count > 16_384)
        #expect(helper.asked.isEmpty)
        #expect(Files.names(in: helper.folder("units")).isEmpty)
    }

    @Test func aLinkInPlaceOfTheFolderIsNotFollowed() async throws {
        let helper = try await HelperFixture()
        mkdir(helper.folder("elsewhere"), 0o755)
        symlink(helper.folder("elsewhere"), helper.folder("units/plumb-page.service.d"))
        #expect(await helper.ask(.settings(unit: "plumb-page.service", [.nice: 1]))?.contains("not a folder") == true)
        #expect(Files.names(in: helper.folder("elsewhere")).isEmpty)
        // A link in place of the file is replaced.
        unlink(helper.folder("units/plumb-page.service.d"))
        mkdir(helper.folder("units/plumb-page.service.d"), 0o755)
        symlink(helper.folder("elsewhere/x"), DropIn.path(of: "plumb-page.service", in: helper.folder("units")))
        #expect(await helper.ask(.settings(unit: "plumb-page.service", [.nice: 1])) == nil)
        #expect(Files.names(in: helper.folder("elsewhere")).isEmpty)
    }

    @Test func aListThatOthersCanWriteIsNotBelieved() async throws {
        let helper = try await HelperFixture()
        chmod(helper.folder("allow"), 0o666)
        #expect(await helper.ask(.reload)?.contains("nobody else can write") == true)
        #expect(helper.asked.isEmpty)
    }

    @Test func withoutAListTheShippedUnitsAreAllowed() async throws {
        let helper = try await HelperFixture(allow: nil)
        #expect(await helper.ask(.change(.start, unit: "gitops-sync.timer")) == nil)
        #expect(await helper.ask(.change(.start, unit: "other.timer")) != nil)
    }

    @Test func whatSystemdSaysIsTheAnswer() async throws {
        let helper = try await HelperFixture()
        #expect(
            await helper.ask(.change(.start, unit: "plumb-broken.service")) == "start plumb-broken.service: Job failed."
        )
    }

    @Test(.enabled(if: access("/usr/bin/systemd-analyze", X_OK) == 0, "systemd-analyze is not installed"))
    func aTimeThatSystemdDoesNotUnderstandIsNotWritten() async throws {
        let helper = try await HelperFixture()
        #expect(
            await helper.ask(.settings(unit: "other.timer", [.onCalendar: "25:99"]))?.contains("OnCalendar") == true)
        #expect(Files.names(in: helper.folder("units")).isEmpty)
        #expect(await helper.ask(.settings(unit: "other.timer", [.onCalendar: "*:0/15"])) == nil)
    }

    @Test func aHelperThatIsAwayIsSaidToBe() async throws {
        let folder = try TemporaryFolder()
        await #expect {
            try await HelperClient(path: folder("none")).carryOut(.reload)
        } throws: { error in (error as? SystemdError)?.isUnknown == true && "\(error)".contains(folder("none")) }
    }
}
