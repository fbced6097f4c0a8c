import PromQL
import Telemetry

/// Rows of frames turned into series, each under a key: its labels for queries.
struct SeriesAssembly<Key: Hashable> {
    private struct Column {
        var times: [Int64] = []
        var values: [Double] = []
        var sequences: [Int] = []
        /// Of blocks that were taken as a whole.
        var buckets: [Bucket] = []
        /// Rows come in order of time for each source as a rule; where they did not, they are put in order at the end.
        var isInOrder = true
    }

    /// One pair's elements: where each is in its row, and which column it goes to.
    private struct Target {
        var positions: [Int]
        var places: [Int]
    }

    private let targets: [ReadPlan.Pair: Target]
    private let areElementsPicked: Bool
    private let keys: [Key]
    private var columns: [Column]
    private var sampleCount = 0

    init(_ plan: ReadPlan, key: (ReadPlan.Pair, ReadPlan.Element) -> Key) {
        areElementsPicked = plan.areElementsPicked
        var keys: [Key] = []
        var known: [Key: Int] = [:]
        var targets: [ReadPlan.Pair: Target] = [:]
        for (pair, elements) in plan.elements {
            var places: [Int] = []
            for element in elements {
                // A series that moved from one layout to another is one series.
                let key: Key = key(pair, element)
                let place: Int = known[key] ?? keys.count
                if place == keys.count {
                    known[key] = place
                    keys.append(key)
                }
                places.append(place)
            }
            targets[pair] = Target(positions: elements.map(\.position), places: places)
        }
        self.keys = keys
        self.targets = targets
        columns = Array(repeating: Column(), count: keys.count)
    }

    /// Adds the rows of ``ReadPlan/statement(_:)``, in any order.
    mutating func add(_ result: SQLResult, mostSamples: Int) throws {
        let cells = BinaryCells(result)
        var pair = ReadPlan.Pair(source: -1, layout: -1)
        var target: Target?
        for row in 0..<cells.rowCount {
            guard let source = cells.int32(row, 0), let layout = cells.int32(row, 1),
                let time = cells.milliseconds(row, 2), let sequence = cells.int64(row, 3)
            else { continue }
            if pair.source != Int(source) || pair.layout != Int(layout) {
                pair = ReadPlan.Pair(source: Int(source), layout: Int(layout))
                target = targets[pair]
            }
            guard let target else { continue }
            let stale: [UInt8]? = cells.isNull(row, 5) ? nil : cells.bytes(row, 5).map { Array($0.dropFirst(4)) }
            for index in target.positions.indices {
                let position: Int = target.positions[index]
                let isStale: Bool = stale.map { Self.bit(position, of: $0) } ?? false
                guard
                    let value = isStale
                        ? .staleMarker : cells.doubleElement(row, 4, areElementsPicked ? index : position)
                else { continue }
                append(value, at: time, Int(sequence), to: target.places[index])
                sampleCount += 1
            }
            try check(mostSamples)
        }
    }

    /// Adds values of one element (an index of the plan's elements) of a pair, in order of time, all ingested at
    /// `sequence`.
    mutating func add(
        _ pair: ReadPlan.Pair, element: Int, _ times: some Collection<Int64>, _ values: some Collection<Double>,
        sequence: Int, mostSamples: Int
    ) throws(PromQLError) {
        guard let place = targets[pair]?.places[element], let first = times.first else { return }
        if let last = columns[place].times.last, last >= first { columns[place].isInOrder = false }
        columns[place].times += times
        columns[place].values += values
        columns[place].sequences += repeatElement(sequence, count: times.count)
        sampleCount += times.count
        try check(mostSamples)
    }

    /// Adds what is known of one element's values in a block, none of which is added besides.
    mutating func add(_ pair: ReadPlan.Pair, element: Int, _ bucket: Bucket) {
        guard let place = targets[pair]?.places[element] else { return }
        columns[place].buckets.append(bucket)
    }

    private func check(_ mostSamples: Int) throws(PromQLError) {
        guard sampleCount <= mostSamples else {
            throw PromQLError(
                .limit, "the query reads more than \(mostSamples) samples; narrow its range or matchers")
        }
    }

    private mutating func append(_ value: Double, at time: Int64, _ sequence: Int, to place: Int) {
        if let last = columns[place].times.last, last >= time { columns[place].isInOrder = false }
        columns[place].times.append(time)
        columns[place].values.append(value)
        columns[place].sequences.append(sequence)
    }

    private static func bit(_ position: Int, of bytes: [UInt8]) -> Bool {
        position / 8 < bytes.count && bytes[position / 8] & (0x80 >> UInt8(position % 8)) != 0
    }

    /// What was read under each key that has samples, in order of time.
    func ordered() -> [(key: Key, times: [Int64], values: [Double])] {
        zip(keys, columns).filter { !$0.1.times.isEmpty }.map { key, column in
            let ordered: Column = column.isInOrder ? column : Self.ordered(column)
            return (key, ordered.times, ordered.values)
        }
    }

    /// What was read under each key as buckets that lie within the time that was read, which ends at `through`: those of
    /// whole blocks as they are, and of other samples some of `width`. In order of their ends.
    func buckets(width: BucketWidth, through: Int64) -> [(key: Key, buckets: [Bucket])] {
        zip(keys, columns).filter { !$0.1.times.isEmpty || !$0.1.buckets.isEmpty }.map { key, column in
            let ordered: Column = column.isInOrder ? column : Self.ordered(column)
            var buckets: [Bucket] = Bucket.fold(times: ordered.times, values: ordered.values, width: width)
            if let last = buckets.indices.last { buckets[last].end = min(buckets[last].end, through) }
            buckets += column.buckets
            return (key, buckets.sorted { $0.end < $1.end })
        }
    }

    /// In order of time; of several values at one time the later ingest counts.
    private static func ordered(_ column: Column) -> Column {
        let order: [Int] = column.times.indices.sorted {
            (column.times[$0], column.sequences[$0]) < (column.times[$1], column.sequences[$1])
        }
        var result = Column()
        for index in order {
            if result.times.last == column.times[index] {
                result.values[result.values.count - 1] = column.values[index]
            } else {
                result.times.append(column.times[index])
                result.values.append(column.values[index])
            }
        }
        return result
    }
}
