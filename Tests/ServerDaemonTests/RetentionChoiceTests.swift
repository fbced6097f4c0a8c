import Database
import Declarations
import Telemetry
import Testing

@testable import ServerDaemon

// Shows F-SV-12, W-B-20
@Suite struct RetentionChoiceTests {
    private let now = Timestamp(milliseconds: 1_800_000_000_000)

    /// A day that ended some days ago.
    private func day(_ ago: Int64, bytes: Int = 10, part: RetainedPart = .raw) -> HeldPartition {
        let end: Timestamp = now - .days(ago)
        return HeldPartition(
            dataset: .metrics, table: 0, part: part,
            partition: TimePartition(name: "\(part) \(ago)", from: end - .days(1), to: end, bytes: bytes))
    }

    private func names(_ chosen: [HeldPartition]) -> [String] { chosen.map(\.partition.name) }

    @Test func `each part goes by its own time`() {
        let held: [HeldPartition] = [8, 7, 6].map { day($0) } + [day(8, part: .rollup(.hour))]
        #expect(
            names(RetentionChoice.outlived(held, at: now) { $0 == .raw ? .days(7) : .days(400) }) == ["raw 8", "raw 7"])
        #expect(RetentionChoice.outlived(held, at: now) { _ in nil }.isEmpty)
    }

    @Test func `by size the oldest go, as many as it takes`() {
        let held: [HeldPartition] = [0, 3, 1, 2].map { day($0) }
        #expect(RetentionChoice.beyond(40, held, at: now).isEmpty)
        #expect(names(RetentionChoice.beyond(39, held, at: now)) == ["raw 3"])
        #expect(names(RetentionChoice.beyond(25, held, at: now)) == ["raw 3", "raw 2"])
    }

    @Test func `what is written into stays, whatever it takes`() {
        let held: [HeldPartition] = [day(-1, bytes: 1000), day(1)]
        #expect(names(RetentionChoice.beyond(5, held, at: now)) == ["raw 1"])
    }

    @Test func `rollups go last, the finest first`() {
        let held: [HeldPartition] = [
            day(9, part: .rollup(.hour)), day(8, part: .rollup(.minute)), day(2), day(1),
        ]
        #expect(names(RetentionChoice.oldest(held, at: now, freeing: 25)) == ["raw 2", "raw 1", "rollup 1m 8"])
    }
}
