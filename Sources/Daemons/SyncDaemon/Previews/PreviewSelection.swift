import Declarations
package import GitStore
package import Telemetry

/// Which branches are planned, and which of them anew. A plain value.
package struct PreviewSelection: Hashable, Sendable {
    /// More branches than this are not planned: each costs a fetch and a look at everything that is live.
    package static let mostBranches = 20
    /// Live state moves under a plan: after this it is made again although neither branch nor accepted commit moved.
    package static let longestLife = PromDuration.minutes(10)

    package var branches: [RemoteBranch]
    /// The names of those beyond the limit.
    package var leftOff: [String]

    /// - Parameter enforced: the branch that is followed; it is never a preview.
    package init(of all: [RemoteBranch], matching globs: [String], enforced: String) {
        let patterns: [Glob] = globs.map(Glob.init)
        let wanted: [RemoteBranch] = all.filter { branch in
            branch.name != enforced && patterns.contains { $0.matches(branch.name) }
        }.sorted { $0.name < $1.name }
        branches = Array(wanted.prefix(Self.mostBranches))
        leftOff = wanted.dropFirst(Self.mostBranches).map(\.name)
    }

    /// The preview of an earlier round where it still holds.
    package static func stillHolds(
        _ earlier: BranchPreview?, for branch: RemoteBranch, accepted: String?, now: Timestamp
    ) -> Bool {
        guard let earlier, earlier.report != nil else { return false }
        return earlier.head == branch.head.hex && earlier.acceptedCommit == accepted
            && now - earlier.plannedAt < longestLife
    }
}
