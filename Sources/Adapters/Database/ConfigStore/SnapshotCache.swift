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

    init(_ forms: [StoredForm], sha256: SHA256Function) {
        for form in forms {
            switch form {
            case .unknown(let key): unknown.append(key)
            case .invalid(let resource): resources.append(resource)
            case .valid(let resource, let value):
                resources.append(resource)
                decoded[resource.key] = value
            }
        }
        digest = setDigest(of: resources.map { (key: $0.key, digest: $0.digest) }, sha256: sha256)
    }
}

/// Remembers what the rows of the last snapshot decoded to, by their exact bytes: of a thousand resources that are read
/// every few seconds, those that did not change are compared and not decoded again. Nothing is taken for unchanged that
/// was not read and compared.
final class SnapshotCache: Sendable {
    private struct State: Sendable {
        var last: (result: SQLResult, content: StoredContent)?
        /// By `kind` and `name`, which are the first two columns.
        var entries: [RowKey: Entry] = [:]
    }

    private struct RowKey: Hashable, Sendable {
        var kind: ArraySlice<UInt8>
        var name: ArraySlice<UInt8>
    }

    private struct Entry: Sendable {
        /// Copies: slices of a result would keep the whole result alive.
        var key: RowKey
        var row: RawRow
        var form: StoredForm
    }

    private let state = Mutex(State())

    /// The content of the rows; forgets rows that are not among them.
    func content(
        of result: SQLResult, form: (SQLRow) throws(DatabaseError) -> StoredForm, sha256: SHA256Function
    ) throws(DatabaseError) -> StoredContent {
        let known: State = state.withLock { $0 }
        if let last = known.last, last.result.isEqual(to: result) { return last.content }
        var entries: [RowKey: Entry] = Dictionary(minimumCapacity: result.rows.count)
        var forms: [StoredForm] = []
        forms.reserveCapacity(result.rows.count)
        for row in result.rows {
            let key = RowKey(kind: row[0].raw ?? [], name: row[1].raw ?? [])
            let entry: Entry
            if let match = known.entries[key], row.isEqual(to: match.row) {
                entry = match
            } else {
                let ownKey = RowKey(kind: Array(key.kind)[...], name: Array(key.name)[...])
                entry = Entry(key: ownKey, row: row.copied, form: try form(row))
            }
            entries[entry.key] = entry
            forms.append(entry.form)
        }
        let content = StoredContent(forms, sha256: sha256)
        state.withLock { $0 = State(last: (result, content), entries: entries) }
        return content
    }
}
