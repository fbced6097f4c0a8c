import ConfigAPI
import Database
import Telemetry
import Testing

@testable import ServerDaemon

private let now = Timestamp(milliseconds: 1_763_683_600_000)

/// A reconciler that was heard `ago` and says that the next run comes within a minute.
private func record(_ outcome: String, heard ago: PromDuration = .seconds(5)) -> ReconcilerStore.Record {
    ReconcilerStore.Record(
        source: "gitops-sync", host: "sync-1", patience: .minutes(1), completedAt: now - ago, outcome: outcome,
        report: "01JCZ0000000000000000000AA", generation: 3, commit: nil)
}

private func told(_ record: ReconcilerStore.Record, _ conditions: [ReconcilerCondition]) -> ReconcilerStore.Record {
    var record: ReconcilerStore.Record = record
    for condition in conditions { record.told[condition.rawValue] = .init(since: now - .hours(1), notice: "n") }
    return record
}

@Suite struct ReconcilerConditionTests {
    private func holding(
        _ record: ReconcilerStore.Record, listeningFor span: PromDuration = .hours(1)
    ) -> Set<ReconcilerCondition> {
        ReconcilerCondition.holding(of: record, now: now, listeningSince: now - span)
    }

    @Test func `silence for longer than its patience is a stall, whatever its last run found`() {
        #expect(holding(record("inSync", heard: .seconds(60))).isEmpty)
        #expect(holding(record("inSync", heard: .seconds(61))) == [.stalled])
        // What was told of it before is neither taken back nor told anew.
        #expect(holding(told(record("inSync", heard: .minutes(9)), [.refused])) == [.stalled, .refused])
        #expect(holding(record("refused", heard: .minutes(9))) == [.stalled])
    }

    @Test func `silence counts from when it could be heard`() {
        #expect(holding(record("inSync", heard: .hours(9)), listeningFor: .seconds(59)).isEmpty)
        #expect(holding(record("inSync", heard: .hours(9)), listeningFor: .seconds(61)) == [.stalled])
        // Nothing was heard since: what people know stays so.
        #expect(holding(told(record("inSync", heard: .hours(9)), [.drift]), listeningFor: .seconds(59)) == [.drift])
    }

    @Test func `one that a timer starts is never late`() {
        var record: ReconcilerStore.Record = record("inSync", heard: .days(3))
        record.patience = nil
        #expect(holding(record, listeningFor: .days(9)).isEmpty)
    }

    @Test func `a refusal and a rollback hold until a run says otherwise`() {
        #expect(holding(record("refused")) == [.refused])
        #expect(holding(record("rolledBack")) == [.rolledBack])
        #expect(holding(told(record("inSync"), [.refused])).isEmpty)
    }

    @Test func `drift ends when nothing was found for five minutes, so that a change every minute is one notice`() {
        var record: ReconcilerStore.Record = record("inSync")
        record.driftAt = now - .seconds(299)
        #expect(holding(record) == [.drift])
        record.driftAt = now - .seconds(300)
        #expect(holding(record).isEmpty)
        record.outcome = "drifted"
        #expect(holding(record) == [.drift])
    }
}
