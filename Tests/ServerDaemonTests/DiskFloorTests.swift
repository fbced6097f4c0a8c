import Declarations
import Telemetry
import Testing

@testable import ServerDaemon

// Shows W-B-20
@Suite struct DiskFloorTests {
    private static let gibibyte = 1 << 30
    private let start = Timestamp(milliseconds: 1_800_000_000_000)

    private func space(_ free: Int, of total: Int = 500 * Self.gibibyte) -> DiskSpace {
        DiskSpace(free: free, total: total)
    }

    @Test func `the usual floor is a gibibyte, and a fiftieth of a small disk`() {
        #expect(DiskFloor.usual(space(0)) == Self.gibibyte)
        #expect(DiskFloor.usual(space(0, of: 10 * Self.gibibyte)) == 10 * Self.gibibyte / 50)
    }

    @Test func `it is reached at once, and left a tenth above it`() {
        var floor = DiskFloor()
        floor.observe(space(Self.gibibyte), at: start)
        #expect(!floor.isReached)
        floor.observe(space(Self.gibibyte - 1), at: start)
        #expect(floor.isReached)
        floor.observe(space(Self.gibibyte + Self.gibibyte / 10 - 1), at: start)
        #expect(floor.isReached)
        floor.observe(space(Self.gibibyte + Self.gibibyte / 10), at: start)
        #expect(!floor.isReached)
    }

    @Test func `below a declared floor dropping has its time to help`() {
        var floor = DiskFloor(declared: 20 * Self.gibibyte, patience: .minutes(1))
        floor.observe(space(19 * Self.gibibyte), at: start)
        floor.observe(space(19 * Self.gibibyte), at: start + .seconds(59))
        #expect(!floor.isReached)
        // It helped; the next time counts from its own beginning.
        floor.observe(space(20 * Self.gibibyte), at: start + .seconds(60))
        floor.observe(space(19 * Self.gibibyte), at: start + .seconds(61))
        floor.observe(space(19 * Self.gibibyte), at: start + .seconds(120))
        #expect(!floor.isReached)
        floor.observe(space(19 * Self.gibibyte), at: start + .seconds(121))
        #expect(floor.isReached)
        floor.observe(space(21 * Self.gibibyte), at: start + .seconds(122))
        #expect(floor.isReached)
        floor.observe(space(22 * Self.gibibyte), at: start + .seconds(123))
        #expect(!floor.isReached)
    }

    @Test func `nothing is waited for below the usual floor, nor below a declared one that is lower`() {
        var high = DiskFloor(declared: 20 * Self.gibibyte)
        high.observe(space(Self.gibibyte - 1), at: start)
        #expect(high.isReached)
        var low = DiskFloor(declared: Self.gibibyte / 2)
        low.observe(space(Self.gibibyte - 1), at: start)
        #expect(!low.isReached)
        low.observe(space(Self.gibibyte / 2 - 1), at: start)
        #expect(low.isReached)
    }

    @Test func `what is not known refuses nobody, and keeps what was decided`() {
        let disk = DiskGuard(patience: .zero)
        #expect(!disk.observe(.unknown("away"), declared: nil, at: start))
        #expect(disk.refusal == nil)
        #expect(disk.observe(.space(space(1)), declared: nil, at: start))
        #expect(disk.refusal?.contains("1 B free") == true)
        #expect(!disk.observe(.unknown("away"), declared: nil, at: start))
        #expect(disk.refusal != nil)
    }
}
