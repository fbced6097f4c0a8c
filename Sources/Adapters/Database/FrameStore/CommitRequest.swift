import Telemetry

/// What one request wants stored, in the writers' order.
struct CommitRequest: Sendable {
    /// One row per key.
    let rows: [FrameRow]
    /// Samples that were in the request twice.
    let inRequest: IngestCounts
    /// What the rows hold, should all of them be new.
    let samples: Int
    /// Values of the rows, absent ones included: what they cost to keep.
    let values: Int
    /// How many batches the rows are of.
    let orders: Int

    init(rows all: [FrameRow]) {
        var counts = IngestCounts()
        // Sorting is stable: of equal keys the later stays behind.
        let isOrdered: Bool = zip(all, all.dropFirst()).allSatisfy { FrameRow.precedes($0, $1) }
        let ordered: [FrameRow] = isOrdered ? all : all.sorted(by: FrameRow.precedes)
        var unique: [FrameRow] = []
        unique.reserveCapacity(ordered.count)
        for row in ordered {
            if let last = unique.last, last.hasKey(of: row) {
                let merged = unique[unique.count - 1].merge(row)
                counts.duplicates += merged.duplicates
                counts.replaced += merged.replaced
            } else {
                unique.append(row)
            }
        }
        rows = unique
        inRequest = counts
        samples = unique.reduce(0) { $0 + $1.sampleCount }
        values = unique.reduce(0) { $0 + $1.values.count }
        orders = (unique.map(\.order).max() ?? -1) + 1
    }
}

/// Requests that are stored in one transaction.
struct CommitGroup {
    /// The rows of all of them, in the writers' order.
    private(set) var rows: [FrameRow] = []
    /// Which of the requests are in.
    private(set) var members: [Int] = []
    /// Which share a frame with one that is in: they come after it, by themselves.
    private(set) var others: [Int] = []

    /// Of requests in order of arrival. Batches keep their order: of two layouts with the same series the later counts.
    init(_ requests: [CommitRequest]) {
        guard requests.count > 1 else {
            rows = requests.first?.rows ?? []
            members = Array(requests.indices)
            return
        }
        var tagged: [(row: FrameRow, request: Int)] = []
        tagged.reserveCapacity(requests.reduce(0) { $0 + $1.rows.count })
        var first = 0
        for (index, request) in requests.enumerated() {
            for var row in request.rows {
                row.order = min(first + row.order, FrameRow.mostOrders - 1)
                tagged.append((row, index))
            }
            first += request.orders
        }
        tagged.sort { left, right in
            if FrameRow.precedes(left.row, right.row) { return true }
            return left.row.hasKey(of: right.row) && left.request < right.request
        }
        var late: Set<Int> = []
        for (one, next) in zip(tagged, tagged.dropFirst()) where one.row.hasKey(of: next.row) {
            late.insert(next.request)
        }
        rows = (late.isEmpty ? tagged : tagged.filter { !late.contains($0.request) }).map(\.row)
        members = requests.indices.filter { !late.contains($0) }
        others = late.sorted()
    }
}
