package import ConfigAPI
package import Declarations

/// How one resource of a store stands to what is declared and to what was last applied: one row of the three-way table.
package struct Difference: Hashable, Sendable {
    package var key: ResourceKey
    package var declared: Declaration?
    /// The digest last applied, from the store or, where the resource is gone, from the inventory.
    package var appliedDigest: String?
    package var live: StoredResource?
    package var finding: Finding
    package var causes: [Cause]
    /// Who made the live side what it is; for drift only.
    package var changedBy: ChangedBy?

    package enum Finding: String, Hashable, Sendable {
        /// Declared, applied and live are equal.
        case same
        /// Declared and not there.
        case create
        /// Declared and there in another form.
        case update
        /// Live became what is declared without us: only what was applied is written down.
        case convergedOutside
        /// Declared, there, and owned by nobody who reconciles: ownership is taken over.
        case adopt
        /// Declared here and owned by another git source.
        case contested
        /// Owned and no longer declared.
        case prune
        /// Owned, no longer declared, and its last manifest said that it stays.
        case kept
        /// Neither declared nor live; still in the inventory.
        case gone
        /// Neither declared nor owned.
        case foreign
    }

    /// Whether live and declared differ in content.
    package var isContentDifferent: Bool { declared?.digest != live?.digest }
}

/// Why a change is due.
package enum Cause: String, CaseIterable, Hashable, Sendable {
    /// Git moved.
    case commit
    /// Live moved and git did not.
    case drift
    /// Git dropped the resource.
    case prune
}
