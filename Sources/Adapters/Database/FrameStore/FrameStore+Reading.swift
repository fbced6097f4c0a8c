import Declarations
package import PromQL
import Telemetry

// Reading goes in three steps: which series match (by name in SQL, the other matchers here), which layouts hold them and
// which sources use those, then one statement per partition in the window.
extension FrameStore {
    /// More samples than these are an error, before they are more memory than there is.
    private static let mostSamples = 50_000_000

    /// For each selection the series that match, with the labels `host` (its source's) and `job` (its producer's), and
    /// their samples.
    package func load(_ selections: [Selection]) async throws -> [[SeriesData]] {
        var data: [[SeriesData]] = []
        for selection in selections { data.append(try await load(selection)) }
        return data
    }

    private func load(_ selection: Selection) async throws -> [SeriesData] {
        let plan: ReadPlan = try await pool.withConnection { (connection) throws(DatabaseError) in
            try connection.readPlan(for: selection)
        }
        guard !plan.isEmpty else { return [] }
        var assembly = SeriesAssembly(plan)
        for partition in try await partitions(overlapping: selection) {
            let outcome: Result<SQLResult, DatabaseError> = await rows(
                plan.statement(partition), plan.parameters(selection))
            // Dropped by retention since the catalogue was read.
            if case .failure(let error) = outcome, error.isUndefinedTable { continue }
            let result: SQLResult = try outcome.get()
            try assembly.add(result, mostSamples: Self.mostSamples)
        }
        return assembly.series()
    }

    private func rows(_ statement: String, _ parameters: [SQLValue]) async -> Result<SQLResult, DatabaseError> {
        do throws(DatabaseError) {
            return .success(
                try await pool.withConnection { (connection) throws(DatabaseError) in
                    try connection.execute(statement, parameters, format: .binary)
                })
        } catch { return .failure(error) }
    }

    func partitions(overlapping selection: Selection) async throws(DatabaseError) -> [String] {
        let (after, before) = selection.instants
        return try await partitioning.names(from: after, to: before)
    }
}

/// Which sources' frames to read, and which elements of their values.
struct ReadPlan: Sendable {
    struct Pair: Hashable { var source: Int; var layout: Int }

    /// One element of a frame's values, and the labels of its series with its source's.
    struct Element { var position: Int; var labels: Labels }

    var elements: [Pair: [Element]] = [:]

    var isEmpty: Bool { elements.isEmpty }

    /// The positions, where they are the same in every layout and few: then only those elements travel.
    private var commonPositions: [Int]? {
        guard let first = elements.values.first?.map(\.position), first.count <= 16 else { return nil }
        return elements.values.allSatisfy { $0.map(\.position) == first } ? first : nil
    }

    func statement(_ partition: String) -> String {
        let values: String =
            commonPositions.map { positions in
                "ARRAY[\(positions.map { "values[\($0 + 1)]" }.joined(separator: ","))]::float8[]"
            } ?? "values"
        return """
            SELECT source, layout, time, ingest_seq, \(values) AS values, stale FROM \(partition)
            WHERE source = ANY ($1::int[]) AND layout = ANY ($2::int[]) AND time > $3::timestamptz
                AND time < $4::timestamptz
            ORDER BY time
            """
    }

    func parameters(_ selection: Selection) -> [SQLValue] {
        [
            .integerArray(Set(elements.keys.map(\.source)).sorted()),
            .integerArray(Set(elements.keys.map(\.layout)).sorted()),
        ] + selection.bounds
    }

    var areElementsPicked: Bool { commonPositions != nil }
}

extension PostgresConnection {
    func readPlan(for selection: Selection) throws(DatabaseError) -> ReadPlan {
        // Host and job are the source's labels, not the series'; a series may have a job of its own.
        let ofSource: [Matcher] = selection.matchers.filter { $0.label == "host" }
        let ofSeries: [Matcher] = selection.matchers.filter { $0.label != "host" && $0.label != "job" }
        let ofJob: [Matcher] = selection.matchers.filter { $0.label == "job" }
        let series: [Int: Labels] = try matchingSeries(ofSeries)
        guard !series.isEmpty else { return ReadPlan() }
        let layouts: SQLResult = try execute(
            "SELECT id, series FROM layouts WHERE series && $1::bigint[]", [.integerArray(series.keys.sorted())])
        var positions: [Int: [(position: Int, series: Int)]] = [:]
        for row in layouts.rows {
            let members: [Int?] = row["series"].integers ?? []
            positions[try row.int("id")] = members.enumerated().compactMap { position, id in
                id.flatMap { series[$0] == nil ? nil : (position, $0) }
            }
        }
        let used: SQLResult = try execute(
            """
            SELECT source, layout, host, producer FROM source_layouts JOIN sources ON sources.id = source
            WHERE layout = ANY ($1::int[])
            """, [.integerArray(positions.keys.sorted())])
        var plan = ReadPlan()
        for row in used.rows {
            let (host, producer) = (try row.string("host"), try row.string("producer"))
            guard ofSource.allSatisfy({ $0.matches(host) }) else { continue }
            let pair = ReadPlan.Pair(source: try row.int("source"), layout: try row.int("layout"))
            var elements: [ReadPlan.Element] = []
            for (position, id) in positions[pair.layout] ?? [] {
                guard let own = series[id] else { continue }
                let labels: Labels = own.ofSource(host: host, producer: producer)
                if ofJob.allSatisfy({ $0.matches(labels) }) {
                    elements.append(.init(position: position, labels: labels))
                }
            }
            if !elements.isEmpty { plan.elements[pair] = elements }
        }
        return plan
    }

    /// The series that match, by identifier, with the name among the labels.
    private func matchingSeries(_ matchers: [Matcher]) throws(DatabaseError) -> [Int: Labels] {
        let name: String? = matchers.first { $0.label == metricNameLabel && $0.operation == .equal }?.value
        let result: SQLResult = try execute(
            "SELECT id, name, labels FROM series WHERE $1::text IS NULL OR name = $1", [.optional(name)])
        var series: [Int: Labels] = [:]
        for row in result.rows {
            var members: [String: String] = (try row.json("labels").object ?? [:]).compactMapValues(\.string)
            members[metricNameLabel] = try row.string("name")
            let labels = Labels(members)
            if matchers.allSatisfy({ $0.matches(labels) }) { series[try row.int("id")] = labels }
        }
        return series
    }
}

extension Labels {
    /// With the labels of the source; a series may have a job of its own.
    fileprivate func ofSource(host: String, producer: String) -> Labels {
        let labels: Labels = setting("host", to: host)
        return labels["job"] == nil ? labels.setting("job", to: producer) : labels
    }
}

/// Rows of frames turned into series.
private struct SeriesAssembly {
    private struct Column {
        var times: [Int64] = []
        var values: [Double] = []
        var sequences: [Int] = []
    }

    private let plan: ReadPlan
    private let places: [ReadPlan.Pair: [Int]]
    private let labels: [Labels]
    private var columns: [Column]
    private var sampleCount = 0

    init(_ plan: ReadPlan) {
        self.plan = plan
        var labels: [Labels] = []
        var known: [Labels: Int] = [:]
        var places: [ReadPlan.Pair: [Int]] = [:]
        for (pair, elements) in plan.elements {
            var own: [Int] = []
            for element in elements {
                // A series that moved from one layout to another is one series.
                let place: Int = known[element.labels] ?? labels.count
                if place == labels.count {
                    known[element.labels] = place
                    labels.append(element.labels)
                }
                own.append(place)
            }
            places[pair] = own
        }
        self.labels = labels
        self.places = places
        columns = Array(repeating: Column(), count: labels.count)
    }

    /// Adds rows in order of time, later than those added before.
    mutating func add(_ result: SQLResult, mostSamples: Int) throws {
        for row in result.rows {
            guard let source = row[0].int, let layout = row[1].int, let time = row[2].time, let sequence = row[3].int
            else { continue }
            let pair = ReadPlan.Pair(source: source, layout: layout)
            guard let elements = plan.elements[pair], let places = places[pair] else { continue }
            let values: SQLCell = row[4]
            let stale: [UInt8]? = row[5].raw.map { Array($0.dropFirst(4)) }
            for index in elements.indices {
                let position: Int = elements[index].position
                let isStale: Bool = stale.map { Self.bit(position, of: $0) } ?? false
                guard
                    let value = isStale ? .staleMarker : values.doubleElement(plan.areElementsPicked ? index : position)
                else { continue }
                append(value, at: time.milliseconds, sequence, to: places[index])
                sampleCount += 1
            }
            guard sampleCount <= mostSamples else {
                throw PromQLError(
                    .limit, "the query reads more than \(mostSamples) samples; narrow its range or matchers")
            }
        }
    }

    /// Of two values at one time the later ingest counts.
    private mutating func append(_ value: Double, at time: Int64, _ sequence: Int, to place: Int) {
        if let last = columns[place].times.last, last == time {
            guard let present = columns[place].sequences.last, sequence > present else { return }
            let end: Int = columns[place].times.count - 1
            columns[place].values[end] = value
            columns[place].sequences[end] = sequence
            return
        }
        columns[place].times.append(time)
        columns[place].values.append(value)
        columns[place].sequences.append(sequence)
    }

    private static func bit(_ position: Int, of bytes: [UInt8]) -> Bool {
        position / 8 < bytes.count && bytes[position / 8] & (0x80 >> UInt8(position % 8)) != 0
    }

    func series() -> [SeriesData] {
        zip(labels, columns).filter { !$0.1.times.isEmpty }.map {
            SeriesData(labels: $0.0, times: $0.1.times, values: $0.1.values)
        }
    }
}
