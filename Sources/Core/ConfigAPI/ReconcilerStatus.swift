package import Declarations
package import Telemetry

/// What a reconciler says at the end of each run: the body of `POST /api/v1/reconcilers`.
package struct ReconcilerStatus: Hashable, Sendable, JSONCodable {
    /// The name under which it owns resources; that of the token's subject.
    package var source: String
    package var host: String
    /// The longest that two ends of runs may lie apart before people are told; nil for one that a timer starts.
    package var patience: PromDuration?
    /// The outcome of the run, and the id of its report.
    package var outcome: String
    package var report: String
    /// Differences that were made outside git, found by this run.
    package var drift: Int
    /// The store's generation that the run saw last; nil where the store did not answer.
    package var generation: Int?
    /// The commit that is enforced; nil before the first was accepted.
    package var commit: AppliedCommit?

    package init(
        source: String, host: String, patience: PromDuration?, outcome: String, report: String, drift: Int,
        generation: Int?, commit: AppliedCommit?
    ) {
        self.source = source
        self.host = host
        self.patience = patience
        self.outcome = outcome
        self.report = report
        self.drift = drift
        self.generation = generation
        self.commit = commit
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        source = try reader.string("source")
        host = try reader.string("host")
        if let text = try reader.optionalString("patience") {
            guard let span = PromDuration(text), span > .zero else {
                throw reader.error("patience", "expected a duration, got \"\(text.prefix(40))\"")
            }
            patience = span
        }
        outcome = try reader.string("outcome")
        report = try reader.string("report")
        drift = try reader.optionalInteger("drift") ?? 0
        generation = try reader.optionalInteger("generation")
        commit = try reader.optionalValue("commit")
    }

    package var json: JSONValue {
        .object(compacting: [
            "source": .string(source), "host": .string(host), "patience": patience.map { .string($0.description) },
            "outcome": .string(outcome), "report": .string(report), "drift": .integer(drift),
            "generation": generation.map { .integer($0) }, "commit": commit?.json,
        ])
    }
}

/// A commit whose configuration is enforced or applied somewhere.
package struct AppliedCommit: Hashable, Sendable, JSONCodable {
    package var id: String
    package var committedAt: Timestamp

    package init(id: String, committedAt: Timestamp) {
        self.id = id
        self.committedAt = committedAt
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        id = try reader.string("id")
        committedAt = try reader.time("committedAt")
    }

    package var json: JSONValue { ["id": .string(id), "committedAt": .time(committedAt)] }
}
