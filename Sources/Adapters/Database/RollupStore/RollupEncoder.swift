import PromQL

/// The buckets of one series of one source in one hour.
struct HourOfBuckets {
    var source: Int
    var series: Int
    /// Milliseconds since 1970 at which the hour begins.
    var hour: Int64
    var buckets: [Bucket]
}

/// Rows of the rollup tables in PostgreSQL's binary COPY format; `migrations` say what the columns mean and when one is
/// left out.
struct RollupEncoder {
    static let columns = "source, series, time, count, sum, min, max, first, last, resets, first_at, last_at, ended"

    private let width: BucketWidth
    /// Longer than what was written: appending to an array number by number took a third of making rollups.
    private var bytes: [UInt8]
    private var position: Int

    init(_ width: BucketWidth) {
        self.width = width
        bytes = Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0x00] + [UInt8](repeating: 0, count: 8)
        position = bytes.count
    }

    /// The whole of what was added.
    func finished() -> [UInt8] { bytes[..<position] + [0xFF, 0xFF] }

    mutating func add(_ hour: HourOfBuckets) {
        append(Int16(13))
        append(Int32(4))
        append(Int32(truncatingIfNeeded: hour.source))
        append(Int32(8))
        append(Int64(hour.series))
        append(Int32(8))
        // PostgreSQL counts microseconds from 2000-01-01.
        append(hour.hour * 1000 - 946_684_800_000_000)
        let slots: [Bucket?] = slots(of: hour)
        if width == .hour { addNumbers(slots[0]) } else { addArrays(slots) }
    }

    private func slots(of hour: HourOfBuckets) -> [Bucket?] {
        var slots = [Bucket?](repeating: nil, count: Int(BucketWidth.hour.milliseconds / width.milliseconds))
        for bucket in hour.buckets { slots[Int((bucket.end - hour.hour) / width.milliseconds) - 1] = bucket }
        return slots
    }

    private func offset(_ time: Int64, in bucket: Bucket) -> Int32 { Int32(time - (bucket.end - width.milliseconds)) }

    private func end(of bucket: Bucket) -> Int32? { bucket.ended.map { offset($0, in: bucket) } }

    // MARK: One bucket

    private mutating func addNumbers(_ bucket: Bucket?) {
        guard let bucket else { preconditionFailure("an hour without a bucket has no row") }
        append(Int32(4))
        append(Int32(bucket.count))
        for value in [bucket.sum, bucket.min, bucket.max, bucket.first, bucket.last, bucket.resets] {
            guard bucket.count > 0 else {
                append(Int32(-1))
                continue
            }
            append(Int32(8))
            append(value.bitPattern)
        }
        for time in [bucket.count > 0 ? bucket.firstTime : nil, bucket.count > 0 ? bucket.lastTime : nil, bucket.ended]
        {
            guard let time else {
                append(Int32(-1))
                continue
            }
            append(Int32(4))
            append(offset(time, in: bucket))
        }
    }

    // MARK: Many buckets

    private mutating func addArrays(_ slots: [Bucket?]) {
        addArray(of: 23, shortened(slots.map { Int32($0?.count ?? 0) }))
        let filled: [Bucket?] = slots.map { $0.flatMap { $0.count > 0 ? $0 : nil } }
        let first: [UInt64?] = filled.map { $0?.first.bitPattern }
        let last: [UInt64?] = filled.map { $0?.last.bitPattern }
        let least: [UInt64?] = filled.map { $0?.min.bitPattern }
        let greatest: [UInt64?] = filled.map { $0?.max.bitPattern }
        addArray(of: 701, filled.map { $0?.sum.bitPattern })
        addArray(of: 701, least == first ? [] : least)
        addArray(of: 701, greatest == last ? [] : greatest)
        addArray(of: 701, first == last ? [] : first)
        addArray(of: 701, last)
        let hasResets: Bool = filled.contains { $0.map { $0.resets != 0 } ?? false }
        addArray(of: 701, hasResets ? filled.map { $0?.resets.bitPattern } : [])
        addArray(of: 23, shortened(filled.map { $0.map { offset($0.firstTime, in: $0) } }))
        addArray(of: 23, shortened(filled.map { $0.map { offset($0.lastTime, in: $0) } }))
        addArray(of: 23, slots.map { $0.flatMap(end(of:)) })
    }

    /// One element where all that are there are the same.
    private func shortened(_ items: [Int32?]) -> [Int32?] {
        let present: [Int32] = items.compactMap(\.self)
        guard let first = present.first, present.allSatisfy({ $0 == first }) else { return items }
        return [first]
    }

    /// NULL where there is no element or none that is not.
    private mutating func addArray<Number: FixedWidthInteger & BitwiseCopyable>(of type: Int32, _ items: [Number?]) {
        guard items.contains(where: { $0 != nil }) else { return append(Int32(-1)) }
        let size: Int = MemoryLayout<Number>.size
        let present: Int = items.count { $0 != nil }
        append(Int32(20 + 4 * items.count + size * present))
        append(Int32(1))
        append(Int32(present < items.count ? 1 : 0))
        append(type)
        append(Int32(items.count))
        append(Int32(1))
        for item in items {
            guard let item else {
                append(Int32(-1))
                continue
            }
            append(Int32(size))
            append(item)
        }
    }

    private mutating func append<Number: FixedWidthInteger & BitwiseCopyable>(_ number: Number) {
        let start: Int = position
        let end: Int = start + MemoryLayout<Number>.size
        if end > bytes.count { bytes += [UInt8](repeating: 0, count: max(bytes.count, 1 << 16)) }
        unsafe bytes.withUnsafeMutableBytes { memory in
            unsafe memory.storeBytes(of: number.bigEndian, toByteOffset: start, as: Number.self)
        }
        position = end
    }
}
