import Synchronization

/// Remembers what each row of the last snapshot decoded to, by the row's exact bytes: of a thousand resources that are
/// read every few seconds, those that did not change are compared and not decoded again.
final class SnapshotCache: Sendable {
    private struct Entry: Sendable {
        /// Copies: slices of a result would keep the whole result alive.
        var key: RowKey
        var row: RawRow
        var form: StoredForm
    }

    /// By `kind` and `name`, which are the first two columns.
    private let entries = Mutex<[RowKey: Entry]>([:])

    private struct RowKey: Hashable {
        var kind: ArraySlice<UInt8>
        var name: ArraySlice<UInt8>
    }

    /// The form of each row, and forgets the rows that are not among them.
    func forms(
        of rows: SQLRows, decode: (SQLRow) throws(DatabaseError) -> StoredForm
    ) throws(DatabaseError) -> [StoredForm] {
        let known: [RowKey: Entry] = entries.withLock { $0 }
        var present: [RowKey: Entry] = Dictionary(minimumCapacity: rows.count)
        var forms: [StoredForm] = []
        forms.reserveCapacity(rows.count)
        for row in rows {
            let key = RowKey(kind: row[0].raw ?? [], name: row[1].raw ?? [])
            let entry: Entry
            if let match = known[key], row.isEqual(to: match.row) {
                entry = match
            } else {
                let ownKey = RowKey(kind: Array(key.kind)[...], name: Array(key.name)[...])
                entry = Entry(key: ownKey, row: row.copied, form: try decode(row))
            }
            present[entry.key] = entry
            forms.append(entry.form)
        }
        entries.withLock { $0 = present }
        return forms
    }
}
