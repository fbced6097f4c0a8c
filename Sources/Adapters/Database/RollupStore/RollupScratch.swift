import PromQL

/// One row's arrays, spread over the buckets of its hour.
struct RollupScratch {
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
