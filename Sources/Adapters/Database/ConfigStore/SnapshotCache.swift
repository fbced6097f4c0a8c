import ConfigAPI
import Declarations
import Synchronization

/// What a row of `resources` is to this program.
enum StoredForm: Sendable {
    case valid(StoredResource, DecodedResource)
    case invalid(StoredResource)
    /// `Kind/name`.
    case unknown(String)
}

/// One version of a row of `resources`, and what it was decoded to. Never changes, and is passed on as it is.
final class StoredRow: Sendable {
    /// As read: kind, name, version and everything else.
    let raw: RawRow
    let form: StoredForm
    /// Its part of the set digest; nil for an unknown kind.
    let digestLine: [UInt8]?

    init(_ row: SQLRow, form: StoredForm) {
        raw = row.copied
        self.form = form
        digestLine =
            switch form {
            case .valid(let resource, _), .invalid(let resource):
                setDigestLine(of: resource.key, digest: resource.digest)
            case .unknown: nil
            }
    }

    /// Whether another row comes before this one, by kind, then name.
    func follows(_ row: SQLRow) -> Bool {
        let (kind, other): (ArraySlice<UInt8>, ArraySlice<UInt8>) = (raw.cell(0), row[0].raw ?? [])
        return kind == other
            ? (row[1].raw ?? []).lexicographicallyPrecedes(raw.cell(1)) : other.lexicographicallyPrecedes(kind)
    }
}

/// All rows of `resources`, decoded.
struct StoredContent: Sendable {
    var resources: [StoredResource] = []
    var decoded: [ResourceKey: DecodedResource] = [:]
    var unknown: [String] = []
    var digest = ""

    /// - Parameter health: of resources that can be decoded, by `Kind/name`; the others are healthy.
    init(_ rows: [StoredRow], health: [String: StoredResource.Health], sha256: SHA256Function) {
        let health: [ResourceKey: StoredResource.Health] = Dictionary(
            health.compactMap { name, said in ResourceKey(name).map { ($0, said) } }
        ) { first, _ in first }
        resources.reserveCapacity(rows.count)
        decoded.reserveCapacity(rows.count)
        for row in rows {
            switch row.form {
            case .unknown(let key): unknown.append(key)
            case .invalid(let resource): resources.append(resource)
            case .valid(var resource, let value):
                if !health.isEmpty, let said = health[value.key] { resource.health = said }
                resources.append(resource)
                decoded[value.key] = value
            }
        }
        digest = setDigest(ofLines: rows.compactMap(\.digestLine), sha256: sha256)
    }
}

/// Remembers what rows decoded to, by their physical versions. PostgreSQL never changes a row in place: whoever writes
/// it, past the triggers too, makes another version of it. So of ten thousand resources those that did not change are
/// not read again. Where everything is read, rows whose bytes are the same are not decoded again.
final class SnapshotCache: Sendable {
    /// What is known at one moment.
    struct Known: Sendable {
        /// Versions mean something in one database alone.
        fileprivate var storeId = ""
        /// In order of kind and name, bytewise.
        fileprivate var rows: [StoredRow] = []
        fileprivate var last: (versions: SQLResult, health: SQLResult, content: StoredContent)?

        /// For each row of `versions` (kind, name, version; in order of kind and name) what is known of it as it is now.
        func rows(of versions: SQLResult) -> [StoredRow?] {
            if let last, last.versions.isEqual(to: versions) { return rows.map { $0 } }
            var place = 0
            return versions.rows.map { row in
                while place < rows.count {
                    let known: StoredRow = rows[place]
                    let isSame: Bool = row.isBeginning(of: known.raw)
                    guard isSame || !known.follows(row) else { break }
                    place += 1
                    if isSame { return known }
                }
                return nil
            }
        }

        fileprivate func content(of raw: ConfigStore.RawSnapshot) -> StoredContent? {
            guard storeId == raw.storeId, let last, last.versions.isEqual(to: raw.versions),
                last.health.isEqual(to: raw.health)
            else { return nil }
            return last.content
        }
    }

    private struct RowKey: Hashable {
        var kind: ArraySlice<UInt8>
        var name: ArraySlice<UInt8>

        init(_ row: SQLRow) { (kind, name) = (row[0].raw ?? [], row[1].raw ?? []) }
    }

    private let state = Mutex(Known())

    /// What is known of the rows of a store.
    func known(of storeId: String) -> Known {
        let known: Known = state.withLock { $0 }
        return known.storeId == storeId ? known : Known()
    }

    /// The content of what was read; forgets rows that are not among it.
    func content(
        of raw: ConfigStore.RawSnapshot, form: (SQLRow) throws(DatabaseError) -> StoredForm,
        health: (SQLResult) throws(DatabaseError) -> [String: StoredResource.Health], sha256: SHA256Function
    ) throws(DatabaseError) -> StoredContent {
        // Also where somebody else has read the same meanwhile.
        if !raw.isWhole, let content = state.withLock({ $0 }).content(of: raw) { return content }
        var read: [RowKey: SQLRow] = [:]
        if let rows = raw.rows?.rows {
            for row in rows { read[RowKey(row)] = row }
        }
        var rows: [StoredRow] = []
        rows.reserveCapacity(raw.versions.rows.count)
        for (version, known) in zip(raw.versions.rows, raw.known) {
            if let known, !raw.isWhole {
                rows.append(known)
            } else if let row = read[RowKey(version)] {
                if let known, row.isEqual(to: known.raw) {
                    rows.append(known)
                } else {
                    rows.append(StoredRow(row, form: try form(row)))
                }
            }
            // Else deleted between the two statements of a transaction that does not stand still.
        }
        let content = StoredContent(rows, health: try health(raw.health), sha256: sha256)
        // Where something was deleted meanwhile the versions are not those of the content.
        let last = rows.count == raw.versions.rows.count ? (raw.versions, raw.health, content) : nil
        state.withLock { $0 = Known(storeId: raw.storeId, rows: rows, last: last) }
        return content
    }
}
