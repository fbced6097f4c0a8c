import ConfigAPI
package import Declarations
package import Telemetry

/// The drift report: what one run found, did and verified. `docs/reference/drift-report.md` describes its JSON form.
package struct RunReport: Hashable, Sendable {
    package static let version = 1

    package var id: String
    /// The machine of `gitops-sync`.
    package var host: String
    package var trigger: RunTrigger
    package var mode: RunMode
    package var startedAt: Timestamp
    package var finishedAt: Timestamp
    package var repository: String
    package var branch: String
    /// The commit that is enforced; nil before the first was accepted.
    package var commit: CommitInfo?
    /// The one enforced before, where this run accepted another.
    package var previousCommit: String?
    /// The newest commit, where it was refused.
    package var refusedCommit: CommitInfo?
    /// The newest commit, where it waits because another is pinned or enforcement is suspended.
    package var waitingCommit: CommitInfo?
    /// What people ordered, where something of it had an effect.
    package var enforcement: Enforcement?
    package var outcome: RunOutcome
    package var declaredDigest: String?
    package var liveDigest: String?
    package var problems: [Diagnostic]
    package var refusals: [Refusal]
    /// Permissions that the commit gave and that let something pass.
    package var permissions: [Permission]
    /// Who signed the commits that the newest one brought, where signatures are checked.
    package var signers: [String]
    package var changes: [Change]
    /// What somebody changes as often as it is corrected.
    package var contested: [Contest]
    /// Entries of the ledger that this run opened, changed or closed, and those that the server has not got before.
    package var drift: [DriftEntry]
    package var targets: [TargetReport]
    /// Resources that are neither declared nor owned.
    package var foreign: [String]
    package var kept: [String]
    /// What a person should know and is no error: a remote that did not answer while another did.
    package var notices: [String]
    /// What failed as a whole: a fetch, a target.
    package var errors: [String]
    /// How many equal runs in a row this record stands for, and when the last of them ended.
    package var count: Int
    package var lastFinishedAt: Timestamp

    package init(
        id: String, host: String, trigger: RunTrigger, mode: RunMode, startedAt: Timestamp, repository: String,
        branch: String
    ) {
        self.id = id
        self.host = host
        self.trigger = trigger
        self.mode = mode
        self.startedAt = startedAt
        self.finishedAt = startedAt
        self.repository = repository
        self.branch = branch
        outcome = .inSync
        problems = []
        refusals = []
        permissions = []
        signers = []
        changes = []
        contested = []
        drift = []
        targets = []
        foreign = []
        kept = []
        notices = []
        errors = []
        count = 1
        lastFinishedAt = startedAt
    }

    /// Whether the two runs found, did and said the same, so that one record can stand for both: only runs that changed
    /// nothing can.
    package func repeats(_ earlier: RunReport) -> Bool {
        let quiet: Set<Change.Result> = [.reported, .ignored, .tolerated, .contested]
        guard changes.allSatisfy({ quiet.contains($0.result) }) else { return false }
        return withoutTimes == earlier.withoutTimes
    }

    /// Whether a target answered.
    package func knows(_ target: TargetName) -> Bool {
        targets.contains { $0.name == target && $0.state != .unknown }
    }

    private var withoutTimes: RunReport {
        var plain: RunReport = self
        plain.id = ""
        plain.trigger = .timer
        plain.startedAt = Timestamp(microseconds: 0)
        plain.finishedAt = plain.startedAt
        plain.lastFinishedAt = plain.startedAt
        plain.previousCommit = nil
        plain.count = 1
        for target in plain.targets.indices {
            for agent in plain.targets[target].agents.indices {
                plain.targets[target].agents[agent].lastSeen = plain.startedAt
            }
        }
        return plain
    }
}

/// A commit as reports name it.
package struct CommitInfo: Hashable, Sendable, JSONCodable {
    package var id: String
    package var author: String
    package var committedAt: Timestamp
    package var subject: String

    package init(id: String, author: String, committedAt: Timestamp, subject: String) {
        self.id = id
        self.author = author
        self.committedAt = committedAt
        self.subject = subject
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        id = try reader.string("id")
        author = try reader.string("author")
        committedAt = try reader.time("committedAt")
        subject = try reader.string("subject")
    }

    package var json: JSONValue {
        [
            "id": .string(id), "author": .string(author), "committedAt": .time(committedAt),
            "subject": .string(subject),
        ]
    }
}
