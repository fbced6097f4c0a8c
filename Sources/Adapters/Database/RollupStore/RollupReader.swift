import PromQL
import Telemetry

/// Reads rollups of one width for a plan: for each distinct labels either buckets, or samples thinned to the last of
/// each bucket.
struct RollupReader {
    let width: BucketWidth
    let purpose: BucketUse.Purpose
    /// Which series of which source are which labels' in the answer.
    private(set) var labels: [Labels] = []
    private var wanted: [(source: Int, series: Int, place: Int)] = []

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
                wanted.append((key.source, key.series, labels.count))
                labels.append(element.labels)
            }
        }
        wanted.sort { ($0.source, $0.series) < ($1.source, $1.series) }
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

    /// For part `part` of `parts` of the series.
    func parameters(part: Int, of parts: Int, from: Int64, to: Int64) -> [SQLValue] {
        let size: Int = (wanted.count + parts - 1) / parts
        let own = wanted[min(part * size, wanted.count)..<min((part + 1) * size, wanted.count)]
        return [
            .integerArray(own.map(\.source)), .integerArray(own.map(\.series)), .integerArray(own.map(\.place)),
            .time(Timestamp(milliseconds: from)), .time(Timestamp(milliseconds: to)),
        ]
    }

    var count: Int { wanted.count }

    // MARK: Rows

    /// Adds what the rows hold of buckets that end after `after` and not after `through`.
    func add(_ result: SQLResult, to columns: inout [RollupColumn], after: Int64, through: Int64) {
        let cells = BinaryCells(result)
        let slots: Int = Int(BucketWidth.hour.milliseconds / width.milliseconds)
        var positions: [String: Int] = [:]
        for (index, name) in names.enumerated() { positions[name] = index + 2 }
        var scratch = Scratch(slots: slots)
        for row in 0..<cells.rowCount {
            guard let place = cells.int32(row, 0), let hour = cells.milliseconds(row, 1) else { continue }
            switch purpose {
            case .lastSamples:
                scratch.readLast(cells, row, positions)
                for slot in 0..<slots {
                    let start: Int64 = hour + Int64(slot) * width.milliseconds
                    guard start + width.milliseconds > after, start < through else { continue }
                    columns[Int(place)].addLast(scratch, slot, start: start)
                }
            case .windows:
                scratch.readBuckets(cells, row, positions)
                for slot in 0..<slots where scratch.counts[slot] > 0 {
                    let start: Int64 = hour + Int64(slot) * width.milliseconds
                    let end: Int64 = start + width.milliseconds
                    guard end > after, end <= through else { continue }
                    columns[Int(place)].buckets.append(scratch.bucket(slot, start: start, end: end))
                }
            }
        }
    }
}

/// What was read of one series.
struct RollupColumn {
    var times: [Int64] = []
    var values: [Double] = []
    var buckets: [Bucket] = []

    fileprivate mutating func addLast(_ scratch: Scratch, _ slot: Int, start: Int64) {
        if let offset = scratch.lastAt[slot], let last = scratch.last[slot] {
            times.append(start + Int64(offset))
            values.append(last)
        }
        if let offset = scratch.ended[slot] {
            times.append(start + Int64(offset))
            values.append(.staleMarker)
        }
    }

    /// Rows of a partition come in order of time as a rule, not by promise.
    mutating func sort() {
        if zip(buckets, buckets.dropFirst()).contains(where: { $0.end > $1.end }) { buckets.sort { $0.end < $1.end } }
        guard zip(times, times.dropFirst()).contains(where: { $0 > $1 }) else { return }
        let order: [Int] = times.indices.sorted { times[$0] < times[$1] }
        times = order.map { times[$0] }
        values = order.map { values[$0] }
    }
}

/// One row's arrays, spread over the buckets of its hour.
private struct Scratch {
    var counts: [Int]
    var sum: [Double?]
    var min: [Double?]
    var max: [Double?]
    var first: [Double?]
    var last: [Double?]
    var resets: [Double?]
    var firstAt: [Int32?]
    var lastAt: [Int32?]
    var ended: [Int32?]
    private let slots: Int

    init(slots: Int) {
        self.slots = slots
        counts = [Int](repeating: 0, count: slots)
        let numbers = [Double?](repeating: nil, count: slots)
        (sum, min, max, first, last, resets) = (numbers, numbers, numbers, numbers, numbers, numbers)
        let offsets = [Int32?](repeating: nil, count: slots)
        (firstAt, lastAt, ended) = (offsets, offsets, offsets)
    }

    mutating func readLast(_ cells: BinaryCells, _ row: Int, _ positions: [String: Int]) {
        Self.read(cells, row, positions["last"], into: &last)
        Self.read(cells, row, positions["last_at"], into: &lastAt)
        Self.read(cells, row, positions["ended"], into: &ended)
    }

    mutating func readBuckets(_ cells: BinaryCells, _ row: Int, _ positions: [String: Int]) {
        var counted = [Int32?](repeating: nil, count: slots)
        Self.read(cells, row, positions["count"], into: &counted)
        for slot in 0..<slots { counts[slot] = Int(counted[slot] ?? 0) }
        Self.read(cells, row, positions["sum"], into: &sum)
        if positions["last"] != nil {
            Self.read(cells, row, positions["last"], into: &last)
            if !Self.read(cells, row, positions["first"], into: &first) { first = last }
        }
        if positions["min"] != nil {
            if !Self.read(cells, row, positions["min"], into: &min) { min = first }
            if !Self.read(cells, row, positions["max"], into: &max) { max = last }
        }
        Self.read(cells, row, positions["resets"], into: &resets)
        Self.read(cells, row, positions["first_at"], into: &firstAt)
        Self.read(cells, row, positions["last_at"], into: &lastAt)
    }

    func bucket(_ slot: Int, start: Int64, end: Int64) -> Bucket {
        var bucket = Bucket(end: end)
        bucket.count = counts[slot]
        bucket.sum = sum[slot] ?? 0
        bucket.min = min[slot] ?? 0
        bucket.max = max[slot] ?? 0
        bucket.first = first[slot] ?? 0
        bucket.last = last[slot] ?? 0
        bucket.resets = resets[slot] ?? 0
        bucket.firstTime = start + Int64(firstAt[slot] ?? 0)
        bucket.lastTime = start + Int64(lastAt[slot] ?? 0)
        return bucket
    }

    /// False where the array is NULL; all elements are nil then.
    @discardableResult
    private static func read(
        _ cells: BinaryCells, _ row: Int, _ column: Int?, into items: inout [Double?]
    ) -> Bool {
        for slot in items.indices { items[slot] = nil }
        guard let column, !cells.isNull(row, column) else { return false }
        cells.forEachElement(row, column) { (index: Int, bits: UInt64?) in
            if index < items.count { items[index] = bits.map { Double(bitPattern: $0) } }
        }
        return true
    }

    /// An array of one element holds for every bucket.
    private static func read(_ cells: BinaryCells, _ row: Int, _ column: Int?, into items: inout [Int32?]) {
        for slot in items.indices { items[slot] = nil }
        guard let column else { return }
        var count = 0
        cells.forEachElement(row, column) { (index: Int, number: Int32?) in
            if index < items.count { items[index] = number }
            count = index + 1
        }
        guard count == 1, items.count > 1 else { return }
        let only: Int32? = items[0]
        for slot in items.indices { items[slot] = only }
    }
}
