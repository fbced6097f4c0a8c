/// Numbers of 64 bits in order, each once: 8 bytes a key, where a dictionary of lists takes over 100.
///
/// The upper half of a key is what is looked for, the lower what is found. New keys wait in a short list, so that a
/// series that appears does not move half a million others.
struct SortedKeys: Sendable {
    private var sorted: [UInt64] = []
    private var waiting: [UInt64] = []

    private static let mostWaiting = 1024

    mutating func insert(_ key: UInt64) {
        waiting.append(key)
        if waiting.count > max(Self.mostWaiting, sorted.count / 8) { settle() }
    }

    /// Takes what waits into the order.
    mutating func settle() {
        guard !waiting.isEmpty else { return }
        waiting.sort()
        var merged: [UInt64] = []
        merged.reserveCapacity(sorted.count + waiting.count)
        var left = 0
        var right = 0
        while left < sorted.count || right < waiting.count {
            let takesLeft: Bool = right == waiting.count || (left < sorted.count && sorted[left] <= waiting[right])
            let key: UInt64 = takesLeft ? sorted[left] : waiting[right]
            if takesLeft { left += 1 } else { right += 1 }
            if merged.last != key { merged.append(key) }
        }
        sorted = merged
        waiting = []
    }

    /// Visits the lower halves of all keys whose upper half is `upper`.
    func forEach(_ upper: UInt32, _ visit: (UInt32) -> Void) {
        let first = UInt64(upper) << 32
        var place: Int = firstPlace(notBelow: first)
        while place < sorted.count, sorted[place] >> 32 == UInt64(upper) {
            visit(UInt32(truncatingIfNeeded: sorted[place]))
            place += 1
        }
        for key in waiting where key >> 32 == UInt64(upper) { visit(UInt32(truncatingIfNeeded: key)) }
    }

    /// Visits each upper half once, in no order.
    func forEachUpper(_ visit: (UInt32) -> Void) {
        var place = 0
        while place < sorted.count {
            let upper: UInt64 = sorted[place] >> 32
            visit(UInt32(upper))
            place = upper == UInt64(UInt32.max) ? sorted.count : firstPlace(notBelow: (upper + 1) << 32)
        }
        for upper in Set(waiting.map { UInt32($0 >> 32) }) where !contains(upper) { visit(upper) }
    }

    private func contains(_ upper: UInt32) -> Bool {
        let place: Int = firstPlace(notBelow: UInt64(upper) << 32)
        return place < sorted.count && sorted[place] >> 32 == UInt64(upper)
    }

    private func firstPlace(notBelow key: UInt64) -> Int {
        var low = 0
        var high: Int = sorted.count
        while low < high {
            let middle: Int = (low + high) / 2
            if sorted[middle] < key { low = middle + 1 } else { high = middle }
        }
        return low
    }

    var bytes: Int { (sorted.capacity + waiting.capacity) * 8 }
}
