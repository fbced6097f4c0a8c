import Declarations
import Synchronization

/// The ``SeriesIndex`` of one database, followed as it grows.
///
/// A source's layouts are registered before its first frame, so whoever has read all pairs of source and layout that
/// were committed before a query knows every series that the query can meet. Pairs carry the number of the transaction
/// that wrote them. Each look takes those that began at or after the oldest transaction which the look before saw
/// unfinished: nothing is missed in whatever order transactions commit, and no writer waits for another.
final class SeriesDirectory: Sendable {
    private struct State {
        var index = SeriesIndex()
        /// Of the database that the index was read from; a restored one has another.
        var store: String?
        /// Transactions below it are finished and their pairs known.
        var horizon: UInt64 = 0
    }

    private let state = Mutex(State())

    /// Series that are read at once when a directory is filled.
    private static let mostAtOnce = 20_000

    /// How many series are known, and what they take in memory.
    var size: (series: Int, bytes: Int) { state.withLock { ($0.index.seriesCount, $0.index.bytes) } }

    /// Takes in what was registered since the last look, then gives `read` the index.
    func current<Result: Sendable>(
        on connection: isolated PostgresConnection, _ read: (SeriesIndex) -> Result
    ) throws(DatabaseError) -> Result {
        try follow(connection)
        return state.withLock { read($0.index) }
    }

    /// The same after a look at the store, which says whether there is anything to take in.
    func current<Result: Sendable>(
        after look: StoreLook, on connection: isolated PostgresConnection, _ read: (SeriesIndex) -> Result
    ) throws(DatabaseError) -> Result {
        let isKnown: Bool = state.withLock { state in
            guard state.store == look.store, look.horizon >= state.horizon, !look.hasNewPairs else { return false }
            state.horizon = look.horizon
            return true
        }
        if !isKnown { try follow(connection) }
        return state.withLock { read($0.index) }
    }

    /// See ``StoreLook/take(after:before:knownHorizon:on:)``.
    var horizon: UInt64 { state.withLock { $0.horizon } }

    private func follow(_ connection: isolated PostgresConnection) throws(DatabaseError) {
        let known: (store: String?, horizon: UInt64) = state.withLock { ($0.store, $0.horizon) }
        var news: SQLResult = try connection.prepared(Self.newPairs, [.text("\(known.horizon)")])
        guard let first = news.rows.first else { throw .usage("no store", operation: "read the series index") }
        let store: String = try first.string("store")
        let horizon: UInt64 = try Self.transaction(first, "horizon")
        if known.store != store || horizon < known.horizon {
            // A restored database counts its transactions anew, and its pairs carry numbers of the old one.
            news = try connection.execute(Self.allPairs)
            try load(news, connection, replacing: true, store: store, horizon: horizon)
        } else if !first["source"].isNull {
            try load(news, connection, replacing: false, store: store, horizon: horizon)
        } else {
            state.withLock { if $0.store == store { $0.horizon = max($0.horizon, horizon) } }
        }
    }

    private struct Pair { var source: Int; var host: String; var producer: String; var layout: Int }

    private func load(
        _ result: SQLResult, _ connection: isolated PostgresConnection, replacing: Bool, store: String, horizon: UInt64
    ) throws(DatabaseError) {
        var pairs: [Pair] = []
        for row in result.rows where !row["source"].isNull {
            pairs.append(
                Pair(
                    source: try row.int("source"), host: try row.string("host"), producer: try row.string("producer"),
                    layout: try row.int("layout")))
        }
        // Built beside the lock: others go on with what they have.
        let unknown: Set<Int> = state.withLock { state in
            Set(pairs.map(\.layout).filter { replacing || !state.index.knows(layout: $0) })
        }
        let layouts: [SeriesIndex.Layout] = try Self.layouts(unknown.sorted(), connection)
        let wanted: [Int] = state.withLock { state in
            Set(layouts.flatMap(\.series)).filter { replacing || !state.index.knows(series: $0) }.sorted()
        }
        var descriptions: [Description] = []
        for start in stride(from: 0, to: wanted.count, by: Self.mostAtOnce) {
            let ids: [Int] = Array(wanted[start..<min(start + Self.mostAtOnce, wanted.count)])
            descriptions += try Self.descriptions(ids, connection)
        }
        if replacing {
            var fresh = State(store: store, horizon: horizon)
            Self.add(descriptions, layouts, pairs, to: &fresh.index)
            fresh.index.settle()
            state.withLock { $0 = fresh }
        } else {
            state.withLock { state in
                // Another look may have found a restored database meanwhile; its index holds these already.
                guard state.store == store else { return }
                Self.add(descriptions, layouts, pairs, to: &state.index)
                state.horizon = max(state.horizon, horizon)
            }
        }
    }

    private struct Description { var id: Int; var name: String; var labels: [String: String] }

    private static func add(
        _ series: [Description], _ layouts: [SeriesIndex.Layout], _ pairs: [Pair], to index: inout SeriesIndex
    ) {
        for one in series { index.add(series: one.id, name: one.name, labels: one.labels) }
        for layout in layouts { index.add(layout) }
        for pair in pairs {
            index.add(source: pair.source, host: pair.host, producer: pair.producer, layout: pair.layout)
        }
    }

    // MARK: SQL

    private static let state = """
        (SELECT store_id::text FROM stores) AS store, pg_snapshot_xmin(pg_current_snapshot())::text AS horizon
        """

    /// Bounded above, so that pairs of a restored database with higher numbers are not read again and again.
    private static let newPairs = """
        SELECT \(state), pair.source, source.host, source.producer, pair.layout
        FROM (VALUES (1)) AS one
        LEFT JOIN source_layouts AS pair ON pair.registered >= $1::xid8
            AND pair.registered < pg_snapshot_xmax(pg_current_snapshot())
        LEFT JOIN sources AS source ON source.id = pair.source
        """

    private static let allPairs = """
        SELECT pair.source, source.host, source.producer, pair.layout
        FROM source_layouts AS pair JOIN sources AS source ON source.id = pair.source
        """

    private static func transaction(_ row: SQLRow, _ column: String) throws(DatabaseError) -> UInt64 {
        guard let number = UInt64(try row.string(column)) else {
            throw .usage("column \(column): not a transaction's number", operation: "read the series index")
        }
        return number
    }

    private static func layouts(
        _ ids: [Int], _ connection: isolated PostgresConnection
    ) throws(DatabaseError) -> [SeriesIndex.Layout] {
        guard !ids.isEmpty else { return [] }
        let result: SQLResult = try connection.execute(
            "SELECT id, series FROM layouts WHERE id = ANY ($1::int[])", [.integerArray(ids)], format: .binary)
        var layouts: [SeriesIndex.Layout] = []
        for row in result.rows {
            layouts.append(
                SeriesIndex.Layout(
                    id: try row.int("id"), series: (row["series"].integers ?? []).map { $0 ?? 0 }))
        }
        return layouts
    }

    private static func descriptions(
        _ ids: [Int], _ connection: isolated PostgresConnection
    ) throws(DatabaseError) -> [Description] {
        let result: SQLResult = try connection.execute(
            "SELECT id, name, labels FROM series WHERE id = ANY ($1::bigint[])", [.integerArray(ids)])
        var found: [Description] = []
        for row in result.rows {
            found.append(
                Description(
                    id: try row.int("id"), name: try row.string("name"),
                    labels: (try row.json("labels").object ?? [:]).compactMapValues(\.string)))
        }
        return found
    }
}

extension FrameStore {
    /// How many series queries are planned with, and what they take in memory, in about.
    package var seriesIndexSize: (series: Int, bytes: Int) { directory.size }

    /// What the rollups that were read lately take in memory, in about.
    package var rollupCacheBytes: Int { rollupCache.bytes }
}
