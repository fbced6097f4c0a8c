import PromQL
import Telemetry

/// Reads rollups of one width for a plan: for each distinct labels either buckets, or samples thinned to the last of
/// each bucket.
struct RollupReader {
    let width: BucketWidth
    let purpose: BucketUse.Purpose
    /// In the answer, by place.
    private(set) var labels: [Labels] = []
    /// Which series of which source are which labels' in the answer, in order.
    private(set) var wanted: [(key: SeriesOfSource, place: Int)] = []

    /// Nil where two sources report a series of the same labels: their buckets cannot be told from their union's.
    init?(_ plan: ReadPlan, width: BucketWidth, purpose: BucketUse.Purpose) {
        self.width = width
        self.purpose = purpose
        var known: [Labels: SeriesOfSource] = [:]
        for (pair, elements) in plan.elements {
            for element in elements {
                let key = SeriesOfSource(source: pair.source, series: element.series)
                if let present = known[element.labels] {
                    guard present == key else { return nil }
                    continue
                }
                known[element.labels] = key
                wanted.append((key, labels.count))
                labels.append(element.labels)
            }
        }
        wanted.sort { ($0.key.source, $0.key.series) < ($1.key.source, $1.key.series) }
    }

    /// What memory knows each place by.
    var keys: [RollupCache.Key] {
        var keys = [RollupCache.Key?](repeating: nil, count: labels.count)
        for (key, place) in wanted { keys[place] = .init(series: key, width: width, purpose: purpose) }
        return keys.compactMap(\.self)
    }

    // MARK: Statement

    private var columns: BucketColumns {
        switch purpose {
        case .lastSamples: [.last]
        case .windows(let columns): columns
        }
    }

    /// Names of the columns that are read, after place and time.
    private var names: [String] {
        let columns: BucketColumns = columns
        var names: [String] = []
        if columns.contains(.count) { names.append("count") }
        if columns.contains(.sum) { names.append("sum") }
        if columns.contains(.extremes) { names += ["min", "max"] }
        // What is left out of the extremes is in first and last.
        if columns.contains(.extremes) || columns.contains(.ends) { names.append("first") }
        if !columns.isDisjoint(with: [.extremes, .ends, .last]) { names.append("last") }
        if columns.contains(.ends) { names += ["resets", "first_at"] }
        if !columns.isDisjoint(with: [.ends, .last]) { names.append("last_at") }
        if columns.contains(.last) { names.append("ended") }
        return names
    }

    /// Hours that begin at `$4` or after and before `$5`.
    func statement(_ table: String) -> String {
        let items: [String] = names.map { width == .hour ? "ARRAY[rollup.\($0)]" : "rollup.\($0)" }
        return """
            SELECT wanted.place, rollup.time, \(items.joined(separator: ", "))
            FROM unnest($1::int[], $2::bigint[], $3::int[]) AS wanted (source, series, place)
            JOIN \(table) AS rollup ON rollup.source = wanted.source AND rollup.series = wanted.series
                AND rollup.time >= $4::timestamptz AND rollup.time < $5::timestamptz
            """
    }

    func parameters(_ wanted: some Collection<(key: SeriesOfSource, place: Int)>, _ hours: Range<Int64>) -> [SQLValue] {
        [
            .integerArray(wanted.map(\.key.source)), .integerArray(wanted.map(\.key.series)),
            .integerArray(wanted.map(\.place)), .time(Timestamp(milliseconds: hours.lowerBound)),
            .time(Timestamp(milliseconds: hours.upperBound)),
        ]
    }

    // MARK: Rows

    /// Adds what the rows hold, to the columns at their series' places.
    func add(_ result: SQLResult, to columns: inout [RollupColumn]) {
        let cells = BinaryCells(result)
        let slots: Int = Int(BucketWidth.hour.milliseconds / width.milliseconds)
        var positions: [String: Int] = [:]
        for (index, name) in names.enumerated() { positions[name] = index + 2 }
        var scratch = RollupScratch(slots: slots)
        for row in 0..<cells.rowCount {
            guard let place = cells.int32(row, 0), let hour = cells.milliseconds(row, 1) else { continue }
            switch purpose {
            case .lastSamples:
                scratch.readLast(cells, row, positions)
                for slot in 0..<slots {
                    columns[Int(place)].addLast(scratch, slot, start: hour + Int64(slot) * width.milliseconds)
                }
            case .windows:
                scratch.readBuckets(cells, row, positions)
                for slot in 0..<slots where scratch.counts[slot] > 0 {
                    let start: Int64 = hour + Int64(slot) * width.milliseconds
                    columns[Int(place)].buckets.append(
                        scratch.bucket(slot, start: start, end: start + width.milliseconds))
                }
            }
        }
    }
}
