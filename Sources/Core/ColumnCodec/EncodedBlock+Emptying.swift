/// What changes of a block when some of its series go: the rest stays bit for bit.
package struct EmptiedColumns: Hashable, Sendable {
    package var columns: [UInt8]
    package var ends: [Int]
    package var summaries: [UInt8]
    /// Whether any of the series had a value.
    package var hasChanged: Bool

    /// `columns`, `ends` and `summaries` of a block of `rows` rows, with the series at the places `elements` as if they
    /// had been absent. Nothing is decoded but the summaries.
    package init(
        emptying elements: Set<Int>, columns: [UInt8], ends: [Int], summaries: [UInt8], rows: Int
    ) throws(BlockError) {
        let read: [SeriesSummary] = try Self.read(summaries, count: ends.count, rows: rows)
        self.columns = []
        self.columns.reserveCapacity(columns.count)
        self.ends = []
        hasChanged = false
        var writer = ByteWriter()
        var start = 0
        for (element, end) in ends.enumerated() {
            guard start <= end, end <= columns.count else { throw BlockError("its columns overlap") }
            let column: ArraySlice<UInt8> = columns[start..<end]
            start = end
            let isGoing: Bool = elements.contains(element)
            if isGoing, column != Self.empty {
                hasChanged = true
                self.columns += Self.empty
            } else {
                self.columns += column
            }
            self.ends.append(self.columns.count)
            (isGoing ? SeriesSummary.none : read[element]).write(to: &writer)
        }
        self.summaries = writer.bytes
    }

    private static let empty: ArraySlice<UInt8> = [ColumnForm.empty.rawValue]

    private static func read(_ bytes: [UInt8], count: Int, rows: Int) throws(BlockError) -> [SeriesSummary] {
        let outcome: Result<[SeriesSummary], BlockError> = unsafe bytes.withUnsafeBytes { bytes in
            do throws(BlockError) {
                return .success(unsafe try EncodedBlock.summaries(bytes, count: count, rows: rows))
            } catch { return .failure(error) }
        }
        return try outcome.get()
    }
}
