@testable import AgentDaemon
import ConfigAPI
import Declarations
import Glibc
import HostSystem
import Runtime
import Telemetry
import TestSupport
import Testing

/// Entries of the journal as journalctl 252 wrote them.
private enum Recorded {
    static func entry(
        _ number: Int, _ message: String, unit: String? = "web.service", priority: Int = 6, pid: String = "7",
        time: Timestamp = .now(), journal: String = "cf6aa97890e9480bae66cbffce4ca7c3"
    ) -> String {
        let unit: String = unit.map { #","_SYSTEMD_UNIT":"\#($0)""# } ?? #","_TRANSPORT":"kernel""#
        let hexadecimal = String(number, radix: 16)
        return #"{"__CURSOR":"s=\#(journal);i=\#(hexadecimal);b=972a;m=90c6;t=660c;x=709c","__REALTIME_TIMESTAMP":"#
            + #""\#(time.microseconds)","PRIORITY":"\#(priority)","SYSLOG_IDENTIFIER":"web","_PID":"\#(pid)""#
            + #"\#(unit),"MESSAGE":\#(message)}"# + "\n"
    }
}

/// A program in the place of journalctl: it prints the entries of a file behind the cursor that it is given, and what
/// comes later, as `journalctl --follow` does. That it is like the real one is shown with a real journal, where there is
/// one: ``JournalTests/entriesOfARealJournalArriveOnce()``.
private struct StandIn {
    let folder: String
    var program: String { "\(folder)/journalctl" }
    var entries: String { "\(folder)/entries" }

    init(_ folder: String) throws {
        self.folder = folder
        let script = """
            #!/bin/sh
            cursor=; lines=
            echo "$@" >> \(folder)/arguments
            for argument; do
                case $argument in
                --after-cursor=*) cursor=${argument#--after-cursor=} ;;
                --lines=*) lines=1 ;;
                esac
            done
            if [ -e \(folder)/refuse ]; then cat \(folder)/refuse >&2; exit 1; fi
            from=1
            [ -z "$cursor" ] || from=$(($(grep -n -F "\\"$cursor\\"" \(folder)/entries | cut -d: -f1) + 1))
            [ -z "$lines" ] || from=$(wc -l < \(folder)/entries)
            echo $$ >> \(folder)/processes
            exec tail -n +$from -F \(folder)/entries
            """
        try Files.write(Array(script.utf8), to: program, mode: 0o755)
        try Files.write([], to: entries)
    }

    func write(_ text: String) {
        let descriptor: Int32 = open(entries, O_WRONLY | O_APPEND)
        defer { close(descriptor) }
        let bytes: [UInt8] = Array(text.utf8)
        #expect(Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
    }
}

@Suite struct JournalTests {
    private func withJournal(
        _ units: [String], _ more: [String: JSONValue] = [:],
        _ body: (FakeServer, AgentHarness, StandIn, @escaping @Sendable (inout AgentConfiguration) -> Void) async throws
            -> Void
    ) async throws {
        try await withServer { server, harness in
            let journal = try StandIn(harness.logs)
            let spec: [String: JSONValue] = ["journal": .array(units.map(JSONValue.string))]
            server.send(config(1, [logSource("units", spec.merging(more) { $1 })]))
            try await body(server, harness, journal) { $0.journal = JournalProcess(command: [journal.program]) }
        }
    }

    // Shows F-AG-19
    @Test func entriesOfTheNamedUnitsArriveWithWhatTheJournalKnows() async throws {
        try await withJournal(["web*", "db.service"], ["labels": ["job": "x"]]) { server, harness, journal, adjust in
            let time: Timestamp = .now() - .minutes(3)
            journal.write(Recorded.entry(1, #""it failed""#, priority: 3, time: time))
            journal.write(Recorded.entry(2, #""nobody asked""#, unit: "mail.service"))
            journal.write(Recorded.entry(3, #""the kernel""#, unit: nil))
            journal.write(Recorded.entry(4, "[97,255,98]"))
            journal.write(Recorded.entry(5, #""{\"level\":\"warn\",\"msg\":\"slow\",\"ms\":7}""#, unit: "db.service"))
            try await harness.running(adjust: adjust) {
                try await eventually("three entries") { server.logLines.count >= 3 }
            }
            #expect(server.messages == ["a\u{FFFD}b", "it failed", "slow"])
            let failed: LogLine = try #require(server.logLines.first { $0.message == "it failed" })
            #expect(failed.level == .error)
            #expect(failed.time == time)
            #expect(failed.fields == #"{"pid":"7","program":"web","unit":"web.service"}"#)
            let slow: LogLine = try #require(server.logLines.first { $0.message == "slow" })
            #expect(slow.level == .warn)
            #expect(slow.fields.contains("\"ms\":7"))
            #expect(
                Set(server.logStreams.values.map(\.origin)) == [
                    LogOrigin(source: "units", path: "journal", labels: ["job": "x", "unit": "web.service"]),
                    LogOrigin(source: "units", path: "journal", labels: ["job": "x", "unit": "db.service"]),
                ])
        }
    }

    // Shows F-AG-18, F-AG-19, W-A-07
    @Test func everyEntryArrivesOnceOverRestartsLostAnswersAndLostPositions() async throws {
        try await withJournal(["*"]) { server, harness, journal, adjust in
            server.answerLogs { number, _ in
                switch number % 4 {
                case 1: .storeAndFail
                case 2: .refuse(503)
                default: .accept
                }
            }
            let positions = "\(harness.folder)/state/log-positions.json"
            for round in 0..<6 {
                for number in 0..<300 {
                    let unit: String? = number % 3 == 0 ? nil : number % 3 == 1 ? "a.service" : "b.service"
                    journal.write(Recorded.entry(round * 300 + number + 1, "\"line \(round)-\(number)\"", unit: unit))
                }
                try await harness.running(adjust: adjust) {
                    try await eventually("\(round * 300 + 300) entries") {
                        server.logLines.count >= round * 300 + 300
                    }
                }
                // As after a kill before they were written, or a lost disk: the server knows what it has.
                if round == 3 { unlink(positions) }
            }
            let messages: [String] = server.messages
            #expect(messages.count == 1800)
            #expect(Set(messages).count == 1800)
            let said: [Substring] = try Files.text("\(harness.logs)/arguments").split(separator: "\n")
            #expect(said.count { $0.contains("--after-cursor=s=") } == 4)
        }
    }

    // Shows F-AG-19
    @Test func labelsThatChangeHoldForTheEntriesThatComeThen() async throws {
        try await withJournal(["*"], ["labels": ["job": "x", "tier": "web"]]) { server, harness, journal, adjust in
            func origins() -> [LogOrigin] { server.logStreams.values.map(\.origin) }
            try await harness.running(adjust: adjust) {
                journal.write(Recorded.entry(1, #""before""#))
                try await eventually("the first entry") { server.logLines.count == 1 }
                #expect(origins().map(\.labels) == [["job": "x", "tier": "web", "unit": "web.service"]])
                server.send(config(2, [logSource("units", ["journal": ["*"], "labels": ["job": "y"]])]))
                var number = 1
                try await eventually("entries with the new labels") {
                    number += 1
                    journal.write(Recorded.entry(number, "\"after \(number)\""))
                    return origins().map(\.labels) == [["job": "y", "unit": "web.service"]]
                }
            }
            #expect(Set(server.messages).count == server.messages.count)
        }
    }

    @Test func whatWasThereBeforeIsLeftOutWhereTheSourceSaysSo() async throws {
        try await withJournal(["*"], ["from": "end"]) { server, harness, journal, adjust in
            for number in 1...5 {
                journal.write(Recorded.entry(number, "\"before \(number)\"", time: .now() - .seconds(60)))
            }
            try await harness.running(adjust: adjust) {
                try await eventually("the reader") { access("\(harness.logs)/processes", F_OK) == 0 }
                journal.write(Recorded.entry(6, #""after""#, time: .now() + .seconds(1)))
                try await eventually("the new entry") { server.logLines.count >= 1 }
            }
            journal.write(Recorded.entry(7, #""while down""#))
            try await harness.running(adjust: adjust) {
                try await eventually("what was written meanwhile") { server.logLines.count >= 2 }
            }
            #expect(server.messages == ["after", "while down"])
        }
    }

    // Shows F-AG-19, W-B-18
    @Test func theAgentsOwnEntriesAreNotRead() async throws {
        try await withJournal(["*"]) { server, harness, journal, adjust in
            journal.write(Recorded.entry(1, #""our own""#, unit: "plumb-agent.service", pid: "\(getpid())"))
            journal.write(Recorded.entry(2, #""another's""#))
            try await harness.running(adjust: adjust) {
                try await eventually("the other entry") { server.logLines.count >= 1 }
            }
            #expect(server.messages == ["another's"])
        }
    }

    @Test func whatKeepsJournalctlFromReadingIsReportedAndItIsTriedAgain() async throws {
        try await withJournal(["*"]) { server, harness, journal, adjust in
            try Files.write(
                Array("No journal files were opened due to insufficient permissions.\n".utf8),
                to: "\(harness.logs)/refuse")
            journal.write(Recorded.entry(1, #""one""#))
            try await harness.running(adjust: adjust) {
                try await eventually("the reason in the status") {
                    server.statuses.last?.running.resources.contains {
                        $0.error?.contains("insufficient permissions") ?? false
                    } ?? false
                }
                unlink("\(harness.logs)/refuse")
                try await eventually("the entry") { server.logLines.count >= 1 }
            }
        }
    }

    /// A journal's reader must not outlive the agent, whatever ends that.
    @Test func theReaderEndsWithTheAgent() async throws {
        try await withJournal(["*"]) { server, harness, journal, adjust in
            journal.write(Recorded.entry(1, #""one""#))
            var process: Int32 = 0
            try await harness.running(adjust: adjust) {
                try await eventually("the entry") { server.logLines.count >= 1 }
                process = try #require(
                    Int32(try Files.text("\(harness.logs)/processes").split(separator: "\n").last ?? ""))
                #expect(kill(process, 0) == 0)
            }
            try await eventually("its end") { kill(process, 0) != 0 }
        }
    }

    /// With systemd's own journald and journalctl, in a mount namespace: needs root and both programs.
    // Shows F-AG-19
    @Test(.enabled(if: RealJournal.isPossible)) func entriesOfARealJournalArriveOnce() async throws {
        try await withServer { server, harness in
            let journal = try RealJournal(harness.logs)
            server.send(config(1, [logSource("all", ["journal": ["*"]])]))
            let command = JournalProcess(command: ["journalctl", "--directory=\(journal.folder)"])
            try await journal.ready()
            for round in 0..<3 {
                try await harness.running(adjust: { $0.journal = command }) {
                    try await journal.write((0..<100).map { "real \(round)-\($0)" })
                    try await eventually("entries", within: .seconds(20)) {
                        server.messages.count { $0.hasPrefix("real ") } >= round * 200 + 100
                    }
                }
                try await journal.write((100..<200).map { "real \(round)-\($0)" })
            }
            try await harness.running(adjust: { $0.journal = command }) {
                try await eventually("all entries", within: .seconds(20)) {
                    server.messages.count { $0.hasPrefix("real ") } >= 600
                }
            }
            let real: [String] = server.messages.filter { $0.hasPrefix("real ") }
            #expect(real.count == 600)
            #expect(Set(real).count == 600)
        }
    }
}

/// A journald of its own, whose journal lies in a folder of the test.
private final class RealJournal {
    let folder: String
    private let socket: String
    private let program: ChildProgram

    static var isPossible: Bool {
        geteuid() == 0 && access("/lib/systemd/systemd-journald", X_OK) == 0 && access("/usr/bin/journalctl", X_OK) == 0
            && access("/usr/bin/unshare", X_OK) == 0 && access("/usr/bin/logger", X_OK) == 0
    }

    init(_ parent: String) throws {
        folder = "\(parent)/journal"
        socket = "\(parent)/run/systemd/journal/dev-log"
        try Files.createFolder(folder)
        try Files.createFolder("\(parent)/run")
        let script = """
            mount --bind \(parent)/run /run && mkdir -p /run/systemd/journal /run/log/journal &&
            mount --bind \(folder) /run/log/journal || exit 1
            /lib/systemd/systemd-journald & p=$!
            cat >/dev/null; kill $p; wait $p
            """
        program = try ChildProgram(
            "/usr/bin/unshare", ["--mount", "--propagation", "private", "/bin/sh", "-c", script])
    }

    func ready() async throws {
        try await eventually("journald: \(program.output)", within: .seconds(20)) { access(socket, F_OK) == 0 }
    }

    /// By a process that is not this one: the agent's own entries are left out.
    func write(_ messages: [String]) async throws {
        let file = "\(folder)/messages"
        try Files.write(Array(messages.map { "\($0)\n" }.joined().utf8), to: file)
        let logger = try ChildProgram("/usr/bin/logger", ["--socket", socket, "--tag", "real", "--file", file])
        let status: Int32 = try await logger.end()
        #expect(status == 0)
    }
}
