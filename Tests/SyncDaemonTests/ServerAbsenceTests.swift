import Alerting
import ConfigAPI
import Declarations
import Logging
import Runtime
@testable import SyncDaemon
import Telemetry
import TestSupport
import Testing

private let start = Timestamp(milliseconds: 1_763_683_600_000)

private func status(_ outcome: String = "incomplete") -> ReconcilerStatus {
    ReconcilerStatus(
        source: "gitops-sync", host: "sync-1", patience: .seconds(50), outcome: outcome, report: "01JCZ", drift: 0,
        generation: nil, commit: nil)
}

@Suite struct ServerAbsenceTests {
    /// `rule event` of what there is to tell.
    private func told(_ absence: ServerAbsence) -> [String] {
        absence.waiting.map { "\($0.rule) \($0.event.rawValue)" }
    }

    private func heard(_ absence: inout ServerAbsence, _ outcome: String = "incomplete", there: Bool, at second: Int64)
    {
        absence.heard(status(outcome), isServerThere: there, at: start + .seconds(second), patience: .minutes(5))
    }

    @Test func `an absence is told once when it has lasted, and its end once`() {
        var absence = ServerAbsence()
        heard(&absence, there: false, at: 0)
        heard(&absence, there: false, at: 299)
        #expect(told(absence).isEmpty)
        heard(&absence, there: false, at: 300)
        heard(&absence, there: false, at: 900)
        #expect(told(absence) == ["gitops.serverAway firing"])
        heard(&absence, there: true, at: 1000)
        heard(&absence, there: true, at: 1010)
        #expect(told(absence) == ["gitops.serverAway firing", "gitops.serverAway resolved"])
        // Short ones are nothing.
        heard(&absence, there: false, at: 2000)
        heard(&absence, there: true, at: 2200)
        #expect(absence.waiting.count == 2)
    }

    @Test func `a refusal meanwhile is told too, once`() {
        var absence = ServerAbsence()
        for second in [0, 300, 310, 320] as [Int64] { heard(&absence, "refused", there: false, at: second) }
        #expect(told(absence) == ["gitops.serverAway firing", "gitops.refused firing"])
    }

    @Test func `what was told survives a restart`() throws {
        var absence = ServerAbsence()
        heard(&absence, there: false, at: 0)
        heard(&absence, there: false, at: 300)
        absence.waiting = []
        var later = try ServerAbsence(json: absence.json)
        #expect(later == absence)
        heard(&later, there: false, at: 400)
        #expect(later.waiting.isEmpty)
        heard(&later, there: true, at: 500)
        #expect(told(later) == ["gitops.serverAway resolved"])
    }

    @Test func `a receiver that is away gets it later, once`() async throws {
        let folder = try TemporaryFolder()
        let receiver = try await NoticeReceiver()
        try folder.write("http://127.0.0.1:1/nobody\n", to: "webhook")
        let directory = StateDirectory(folder("state"))
        try directory.create()
        func notices() -> FallbackNotices {
            FallbackNotices(
                webhookFile: folder("webhook"), patience: .minutes(5), directory: directory,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        }
        let first: FallbackNotices = notices()
        #expect(await first.note(status(), isServerThere: false, at: start))
        #expect(await first.note(status(), isServerThere: false, at: start + .minutes(6)) == false)
        // The address is mended, and the program starts again.
        try folder.write(receiver.url + "\n", to: "webhook")
        let second: FallbackNotices = notices()
        #expect(await second.note(status(), isServerThere: false, at: start + .minutes(7)))
        #expect(await second.note(status(), isServerThere: false, at: start + .minutes(8)))
        #expect(receiver.bodies.map { $0["rule"]?.string } == ["gitops.serverAway"])
        #expect(receiver.bodies.first?["labels"]?["host"]?.string == "sync-1")
        try await receiver.close()
    }
}
