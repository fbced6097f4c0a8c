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
    /// `Kind/name digest`: in order of these, rows are in order of key.
    let line: [UInt8]

    init(_ row: SQLRow, form: StoredForm) {
        raw = row.copied
        self.form = form
        line =
            switch form {
            case .valid(let resource, _), .invalid(let resource):
                setDigestLine(of: resource.key, digest: resource.digest)
            case .unknown(let key): Array("\(key) ".utf8)
            }
    }

    var isUnknown: Bool { if case .unknown = form { true } else { false } }
}

/// All rows of `resources`, decoded.
struct StoredContent: Sendable {
    var resources: [StoredResource] = []
    var decoded: [ResourceKey: DecodedResource] = [:]
    var unknown: [String] = []
    var digest = ""

    /// - Parameters:
    ///   - rows: in order of key.
    ///   - health: of resources that can be decoded, by `Kind/name`; the others are healthy.
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
        digest = setDigest(ofLines: rows.filter { !$0.isUnknown }.map(\.line), sha256: sha256)
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
        /// In the order in which they lie.
        fileprivate var rows: [StoredRow] = []
        /// The same in order of key.
        fileprivate var ordered: [StoredRow] = []
        fileprivate var last: (versions: SQLResult, health: SQLResult, content: StoredContent)?

        /// For each row of `versions` (kind, name, version; in the order in which they lie) what is known of it as it is
        /// now.
        func rows(of versions: SQLResult) -> [StoredRow?] {
            if let last, last.versions.isEqual(to: versions) { return rows.map { $0 } }
            var place = 0
            return versions.rows.map { row in
                while place < rows.count {
                    let known: StoredRow = rows[place]
                    let isSame: Bool = row.isBeginning(of: known.raw)
                    guard isSame || RowPlace(known.raw.cell(2)) <= RowPlace(row[2].raw ?? []) else { break }
                    place += 1
                    if isSame { return known }
                }
                return nil
            }
        }

        /// All rows in order of key, of which `kept` were known and `read` are new.
        fileprivate func ordered(keeping kept: [StoredRow], adding read: [StoredRow]) -> [StoredRow] {
            var gone: Set<ObjectIdentifier> = []
            var place = 0
            for row in rows {
                if place < kept.count, kept[place] === row { place += 1 } else { gone.insert(ObjectIdentifier(row)) }
            }
            if gone.isEmpty, read.isEmpty { return ordered }
            // Two runs that are in order: nearly all of the work is to compare neighbours.
            let stayed: [StoredRow] = gone.isEmpty ? ordered : ordered.filter { !gone.contains(ObjectIdentifier($0)) }
            let added: [StoredRow] = read.sorted { $0.line.lexicographicallyPrecedes($1.line) }
            return (stayed + added).sorted { $0.line.lexicographicallyPrecedes($1.line) }
        }

        fileprivate func content(of raw: ConfigStore.RawSnapshot) -> StoredContent? {
            guard storeId == raw.storeId, let last, last.versions.isEqual(to: raw.versions),
                last.health.isEqual(to: raw.health)
            else { return nil }
            return last.content
        }
    }

    /// Where a version of a row lies: what follows `(` in its text, as in `731(12,5)`.
    private struct RowPlace: Comparable {
        var block = 0
        var item = 0

        init(_ version: ArraySlice<UInt8>) {
            var isBlock = true
            for byte in version.drop(while: { $0 != UInt8(ascii: "(") }).dropFirst() {
                switch byte {
                case UInt8(ascii: ","): isBlock = false
                case UInt8(ascii: "0")...UInt8(ascii: "9"):
                    let digit = Int(byte - UInt8(ascii: "0"))
                    if isBlock { block = block * 10 + digit } else { item = item * 10 + digit }
                default: return
                }
            }
        }

        static func < (left: RowPlace, right: RowPlace) -> Bool {
            (left.block, left.item) < (right.block, right.item)
        }
    }

    private struct RowKey: Hashable {
        var kind: ArraySlice<UInt8>
        var name: ArraySlice<UInt8>

        init(_ row: SQLRow) { (kind, name) = (row[0].raw ?? [], row[1].raw ?? []) }
    }

    private let state = Mutex(Known())
    let turns = Turns()

    /// Work done by one after the other. After a change several read the store at the same time: the first decodes, and
    /// the others find it done.
    actor Turns {
        func take<Value: Sendable>(_ work: @Sendable () -> Value) -> Value { work() }
    }

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
        var (rows, kept, added): ([StoredRow], [StoredRow], [StoredRow]) = ([], [], [])
        rows.reserveCapacity(raw.versions.rows.count)
        kept.reserveCapacity(raw.versions.rows.count)
        for (version, found) in zip(raw.versions.rows, raw.found) {
            let row: SQLRow? = read.isEmpty ? nil : read[RowKey(version)]
            if let found, row?.isEqual(to: found.raw) ?? !raw.isWhole {
                rows.append(found)
                kept.append(found)
            } else if let row {
                let new = StoredRow(row, form: try form(row))
                rows.append(new)
                added.append(new)
            }
            // Else deleted between the two statements of a transaction that does not stand still.
        }
        let ordered: [StoredRow] = raw.known.ordered(keeping: kept, adding: added)
        let content = StoredContent(ordered, health: try health(raw.health), sha256: sha256)
        // Where something was deleted meanwhile the versions are not those of the content.
        let last = rows.count == raw.versions.rows.count ? (raw.versions, raw.health, content) : nil
        state.withLock { $0 = Known(storeId: raw.storeId, rows: rows, ordered: ordered, last: last) }
        return content
    }
}
