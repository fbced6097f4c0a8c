import ConfigAPI
import Declarations
import Reconciliation
import Telemetry
import Testing

private let subject = DriftSubject(target: .server, kind: "Retention", name: "metrics")

@Suite struct DriftLedgerTests {
    private var ids = 0
    private var ledger = DriftLedger.empty

    /// A run that began at `seconds` and ended half a second later.
    private mutating func round(_ seconds: Int64, _ changes: [Change], isKnown: Bool = true) {
        let start = now + .seconds(seconds)
        let first = ids
        var count = 0
        ledger.note(
            .init(
                changes: changes, commit: "c1", seenAt: start, endedAt: start + .milliseconds(500),
                isKnown: { _ in isKnown })
        ) {
            count += 1
            return "id-\(first + count)"
        }
        ids += count
    }

    @Test mutating func aCorrectedDriftIsOneEntryWithBothTimes() throws {
        round(4, [correction(at: now + .seconds(3))])
        #expect(ledger.open.isEmpty)
        let entry = try #require(ledger.undelivered.first)
        #expect(ledger.undelivered.count == 1)
        #expect(entry.state == .healed)
        #expect(entry.detectSeconds == 1)
        #expect(entry.healSeconds == 0.5)
        #expect(entry.changedBy.who == "alice")
        #expect(entry.paths == ["/keep"])
        #expect(entry.commit == "c1")
        #expect(try DriftEntry(json: entry.json) == entry)
        #expect(entry.json["detectSeconds"] == 1)
    }

    @Test mutating func whatIsLeftStaysOpenUntilItIsCorrected() throws {
        round(0, [correction(result: .tolerated)])
        round(10, [correction(result: .tolerated)])
        #expect(ledger.open[subject]?.detectedAt == now)
        #expect(ledger.open[subject]?.updatedAt == now)
        round(20, [correction(["/keep", "/maxSize"], result: .tolerated)])
        #expect(ledger.open[subject]?.paths == ["/keep", "/maxSize"])
        round(30, [correction(["/keep", "/maxSize"])])
        #expect(ledger.open.isEmpty)
        #expect(ledger.undelivered.map(\.healSeconds) == [30.5])
        #expect(ids == 1)
    }

    @Test mutating func aDriftThatWentAwayByItselfIsGoneOnceThatIsSeen() throws {
        round(0, [correction(result: .reported)])
        round(10, [], isKnown: false)
        #expect(ledger.open.count == 1)
        round(20, [])
        #expect(ledger.open.isEmpty)
        #expect(ledger.undelivered.map(\.state) == [.gone])
        #expect(ledger.undelivered.first?.healSeconds == nil)
        #expect(ledger.undelivered.first?.endedAt == now + .milliseconds(20_500))
    }

    @Test mutating func onlyDriftIsWrittenDown() {
        round(0, [correction(causes: [.commit]), correction(action: .record), correction(result: .ignored)])
        #expect(ledger == .empty)
    }

    @Test mutating func theSameResourceOnTwoHostsIsTwoDriftsAndAnUnknownTimeIsNotGuessed() {
        round(0, [correction(host: "a", at: nil), correction(host: "b", at: now + .seconds(5))])
        #expect(ledger.undelivered.map(\.subject.host) == ["a", "b"])
        // The clock of the second is ahead of ours.
        #expect(ledger.undelivered.map(\.detectSeconds) == [nil, 0])
    }

    @Test mutating func entriesWaitUntilTheServerHasThem() throws {
        round(0, [correction(result: .reported)])
        let sent = ledger.undelivered
        round(10, [correction()])
        // The answer to the older form comes late: the newer one still waits.
        ledger.delivered(sent)
        #expect(ledger.undelivered.map(\.state) == [.healed])
        #expect(try DriftLedger(json: ledger.json) == ledger)
        ledger.delivered(ledger.undelivered)
        #expect(ledger == .empty)
    }

    @Test mutating func aServerThatStaysAwayDoesNotFillTheMemory() {
        for second in 0..<Int64(DriftLedger.undeliveredLimit + 1) { round(second, [correction()]) }
        #expect(ledger.undelivered.count <= DriftLedger.undeliveredLimit)
        #expect(ledger.undelivered.last?.id == "id-\(DriftLedger.undeliveredLimit + 1)")
        #expect(ledger.undelivered.first?.id != "id-1")
    }
}
