package import ConfigAPI
package import Database
package import Declarations
import Delivery
import Telemetry

/// One host's delivery: what its agent says, and whether the server has it.
package struct HostBalance: Hashable, Sendable {
    package var report: DeliveryReport
    /// Hours that were compared with the store.
    package var hours: [BalanceStore.Hour]
    /// Lines that were stored for the agent's ledger.
    package var storedLines: Int

    package init(report: DeliveryReport, hours: [BalanceStore.Hour], storedLines: Int) {
        self.report = report
        self.hours = hours.filter { $0.ledger == report.ledger.id }
        self.storedLines = storedLines
    }

    /// Samples that were acknowledged and that the store does not hold. More than were acknowledged is no fault: an
    /// answer was lost, or somebody else sends for this host too.
    package var missingSamples: Int { hours.reduce(0) { $0 + max(0, $1.acknowledged - $1.stored) } }
    package var missingLines: Int { max(0, report.lines.acknowledged - storedLines) }
    package var isBalanced: Bool { missingSamples == 0 && missingLines == 0 }

    package var json: JSONValue {
        .object(compacting: [
            "balanced": .bool(isBalanced), "since": .time(report.ledger.since),
            "samples": Self.json(
                report.ledger.samples,
                [
                    "waiting": .integer(report.ledger.samples.waiting), "missing": .integer(missingSamples),
                    "hoursChecked": .integer(hours.count),
                ]),
            "lines": Self.json(
                report.lines, ["stored": .integer(storedLines), "missing": .integer(missingLines)]),
            "logBacklogBytes": .integer(report.logBacklogBytes), "spoolBytes": .integer(report.spoolBytes),
            "spoolProblem": report.spoolProblem.map(JSONValue.string),
        ])
    }

    private static func json(_ tally: DeliveryLedger.Tally, _ more: [String: JSONValue]) -> JSONValue {
        .object((tally.json.object ?? [:]).merging(more) { own, _ in own })
    }
}
