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

/// All rows of `resources`, decoded.
struct StoredContent: Sendable {
    var resources: [StoredResource] = []
    var decoded: [ResourceKey: DecodedResource] = [:]
    var unknown: [String] = []
    var digest = ""

    /// - Parameter health: of resources that can be decoded, by `Kind/name`; the others are healthy.
    init(_ forms: [StoredForm], health: [String: StoredResource.Health], sha256: SHA256Function) {
        resources.reserveCapacity(forms.count)
        decoded.reserveCapacity(forms.count)
        for form in forms {
            switch form {
            case .unknown(let key): unknown.append(key)
            case .invalid(let resource): resources.append(resource)
            case .valid(var resource, let value):
                if !health.isEmpty, let said = health[resource.key.description] { resource.health = said }
                resources.append(resource)
                decoded[resource.key] = value
            }
        }
        digest = setDigest(of: resources.map { (key: $0.key, digest: $0.digest) }, sha256: sha256)
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
        fileprivate var entries: [RowKey: Entry] = [:]
        fileprivate var last: (versions: SQLResult, health: SQLResult, content: StoredContent)?

        /// The rows of `versions` (kind, name, version) that are not known as they are now.
        func missing(from versions: SQLResult) -> [SQLRow] {
            if let last, last.versions.isEqual(to: versions) { return [] }
            return versions.rows.filter { row in
                entries[RowKey(row)].map { $0.version[...] != row[2].raw } ?? true
            }
        }
    }

    fileprivate struct RowKey: Hashable, Sendable {
        var kind: ArraySlice<UInt8>
        var name: ArraySlice<UInt8>

        init(_ row: SQLRow) { (kind, name) = (row[0].raw ?? [], row[1].raw ?? []) }

        /// Slices of a result would keep the whole result alive.
        init(copying row: SQLRow) { (kind, name) = (Array(row[0].raw ?? [])[...], Array(row[1].raw ?? [])[...]) }
    }

    fileprivate struct Entry: Sendable {
        var key: RowKey
        var version: [UInt8]
        var row: RawRow
        var form: StoredForm
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
        if raw.rows == nil, let last = raw.known.last, last.versions.isEqual(to: raw.versions),
            last.health.isEqual(to: raw.health)
        {
            return last.content
        }
        var present: [RowKey: Entry] = raw.known.entries
        if let rows = raw.rows?.rows {
            for row in rows {
                if let known = present[RowKey(row)], row.isEqual(to: known.row) { continue }
                let key = RowKey(copying: row)
                present[key] = Entry(key: key, version: Array(row[2].raw ?? []), row: row.copied, form: try form(row))
            }
        }
        var entries: [RowKey: Entry] = Dictionary(minimumCapacity: raw.versions.rows.count)
        var forms: [StoredForm] = []
        forms.reserveCapacity(raw.versions.rows.count)
        for row in raw.versions.rows {
            // Not there: deleted between the two statements of a transaction that does not stand still.
            guard let entry = present[RowKey(row)] else { continue }
            entries[entry.key] = entry
            forms.append(entry.form)
        }
        let content = StoredContent(forms, health: try health(raw.health), sha256: sha256)
        // Where something was deleted meanwhile the versions are not those of the content.
        let last = forms.count == raw.versions.rows.count ? (raw.versions, raw.health, content) : nil
        state.withLock { $0 = Known(storeId: raw.storeId, entries: entries, last: last) }
        return content
    }
}
