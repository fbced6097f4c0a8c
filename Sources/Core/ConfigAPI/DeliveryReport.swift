package import Declarations
package import Delivery

/// The delivery of one agent, as it says with each status.
package struct DeliveryReport: Hashable, Sendable, JSONCodable {
    /// The ledger of samples.
    package var ledger: DeliveryLedger
    /// The same of log lines. None of them wait: what is not delivered is in its file.
    package var lines: DeliveryLedger.Tally
    /// The name of that count: the server counts the lines that it stores under it too.
    package var linesLedger: String
    /// Bytes of log files that are not delivered.
    package var logBacklogBytes: Int
    /// Bytes on disk.
    package var spoolBytes: Int
    /// What is wrong with the spool; nil where nothing is.
    package var spoolProblem: String?

    package init(
        ledger: DeliveryLedger, lines: DeliveryLedger.Tally, linesLedger: String, logBacklogBytes: Int, spoolBytes: Int,
        spoolProblem: String?
    ) {
        self.ledger = ledger
        self.lines = lines
        self.linesLedger = linesLedger
        self.logBacklogBytes = logBacklogBytes
        self.spoolBytes = spoolBytes
        self.spoolProblem = spoolProblem
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        ledger = try reader.value("ledger")
        lines = try reader.value("lines")
        linesLedger = try reader.string("linesLedger")
        logBacklogBytes = try reader.optionalInteger("logBacklogBytes") ?? 0
        spoolBytes = try reader.optionalInteger("spoolBytes") ?? 0
        spoolProblem = try reader.optionalString("spoolProblem")
    }

    package var json: JSONValue {
        .object(compacting: [
            "ledger": ledger.json, "lines": lines.json, "linesLedger": .string(linesLedger),
            "logBacklogBytes": .integer(logBacklogBytes),
            "spoolBytes": .integer(spoolBytes), "spoolProblem": spoolProblem.map(JSONValue.string),
        ])
    }
}
