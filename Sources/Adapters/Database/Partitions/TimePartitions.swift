import Synchronization
package import Telemetry

/// The partitions of one dataset: a table that is partitioned by the column `time`. Partitions are made on demand and
/// dropped whole; readers and writers name the tables that this type gives them, never the parent.
///
/// What the parent table is says how: a partitioned table has partitions of PostgreSQL, a hypertable has chunks.
package struct TimePartitions: Sendable {
    /// The dataset's name in the catalogue, `metrics`.
    package let dataset: String
    /// The parent table, whose name is also the beginning of its partitions' names.
    package let table: String
    private let pool: DatabasePool
    private let memory = PartitionMemory()

    /// `table` must be a name that needs no quotes; it goes into statements as it is.
    package init(_ pool: DatabasePool, dataset: String, table: String) {
        self.pool = pool
        self.dataset = dataset
        self.table = table
    }

    /// Forgets what this process knows of them: after a partition turned out to be gone.
    package func forget() { memory.forget() }

    /// The name of the table that holds `time`, made where there is none.
    package func name(at time: Timestamp) async throws(DatabaseError) -> String { try await place(of: time).table }

    /// The table that holds `time`, made where there is none, and the span that it holds.
    package func place(of time: Timestamp) async throws(DatabaseError) -> PartitionPlace {
        if let known = memory.place(of: time) { return known }
        let place: PartitionPlace = try await implementation().place(of: time)
        memory.remember(place)
        return place
    }

    /// The names of the tables that hold instants from `from` (included) to `to` (not included), in order of time.
    package func names(from: Timestamp, to: Timestamp) async throws(DatabaseError) -> [String] {
        try await implementation().tables(from: from, to: to)
    }

    /// The tables that together hold every row from `from` (included) to `to` (not included) once. One statement finds
    /// them, so a span that is sealed at this moment is among them either as it was or as it is.
    package func contents(from: Timestamp, to: Timestamp) async throws(DatabaseError) -> [PartitionContent] {
        try await implementation().contents(from: from, to: to)
    }

    /// The partitions in order of time, with their sizes.
    package func all() async throws(DatabaseError) -> [TimePartition] { try await implementation().all() }

    /// Drops a partition and everything in it. See ``Partitioning/drop(_:under:)``.
    package func drop(_ partition: String, under leadership: Leadership? = nil) async throws {
        try await implementation().drop(partition, under: leadership)
        memory.forget()
    }

    /// Makes the partitions that the next `span` needs, ahead of time.
    package func prepare(from start: Timestamp, for span: PromDuration) async throws(DatabaseError) {
        var time: Timestamp = start
        while time <= start + span { time = try await place(of: time).to }
    }

    /// What the parent table is; asked of the database once.
    package func style() async throws(DatabaseError) -> PartitioningStyle {
        if let known = memory.style { return known }
        let kind: String? = try await pool.withConnection { [table] (connection) throws(DatabaseError) in
            let found: SQLResult = try connection.execute(
                "SELECT relkind::text AS kind FROM pg_class WHERE oid = to_regclass($1)", [.text("plumbline.\(table)")])
            return try found.rows.first?.string("kind")
        }
        guard let kind else {
            throw DatabaseError(
                .schema, "there is no table plumbline.\(table)", operation: "find the partitions of \(dataset)",
                hint: "run plumb-server migrate")
        }
        let style: PartitioningStyle = kind == "p" ? .native : .hypertable
        memory.remember(style)
        return style
    }

    private func implementation() async throws(DatabaseError) -> any Partitioning {
        switch try await style() {
        case .native: NativePartitions(pool, dataset: dataset, table: table)
        case .hypertable: HypertablePartitions(pool, dataset: dataset, table: table)
        }
    }
}

/// What this process knows of the partitions of one dataset.
private final class PartitionMemory: Sendable {
    private struct State {
        var style: PartitioningStyle?
        var places: [PartitionPlace] = []
    }

    private let state = Mutex(State())

    var style: PartitioningStyle? { state.withLock { $0.style } }

    /// The newest first: most rows are of now.
    func place(of time: Timestamp) -> PartitionPlace? {
        state.withLock { $0.places.last { $0.from <= time && time < $0.to } }
    }

    func remember(_ style: PartitioningStyle) { state.withLock { $0.style = style } }

    func remember(_ place: PartitionPlace) {
        state.withLock { state in
            guard !state.places.contains(place) else { return }
            state.places.append(place)
            state.places.sort { $0.from < $1.from }
        }
    }

    func forget() { state.withLock { $0 = State() } }
}
