import Telemetry
import Testing

@testable import ServerDaemon

@Suite struct EffectiveRetentionTests {
    private let now = Timestamp(milliseconds: 1_800_000_000_000)

    private func effective(
        _ declared: PromDuration?, _ past: [(keep: PromDuration?, hoursAgo: Int64)], grace: PromDuration = .hours(24)
    ) -> EffectiveRetention {
        EffectiveRetention(
            declared: declared, past: past.map { .init(keep: $0.keep, until: now - .hours($0.hoursAgo)) }, grace: grace,
            now: now)
    }

    // Shows F-SV-12
    @Test func `shrinking waits for the grace, growing does not`() {
        #expect(effective(.days(7), []) == effective(.days(7), [(.days(30), 24)]))
        let shrunk = effective(.days(7), [(.days(30), 1)])
        #expect(shrunk.keep == .days(30))
        #expect(shrunk.pending == .init(keep: .days(7), at: now + .hours(23)))
        #expect(effective(.days(30), [(.days(7), 1)]).keep == .days(30))
        #expect(effective(.days(30), [(.days(7), 1)]).pending == nil)
    }

    @Test func `a revert within the grace cancels the shrinking`() {
        let reverted = effective(.days(30), [(.days(30), 5), (.days(7), 1)])
        #expect(reverted.keep == .days(30))
        #expect(reverted.pending == nil)
    }

    @Test func `the longest of several settings counts until its own grace is over`() {
        let several = effective(.days(1), [(.days(30), 20), (.days(7), 2)])
        #expect(several.keep == .days(30))
        #expect(several.pending?.at == now + .hours(22))
    }

    @Test func `where nothing was declared before everything is kept for the grace`() {
        #expect(effective(.days(7), [(nil, 3)]).keep == nil)
        #expect(effective(.days(7), [(nil, 3)]).pending == .init(keep: .days(7), at: now + .hours(21)))
        #expect(effective(nil, [(.days(7), 3)]).keep == nil)
    }

    @Test func `without a grace a shrunk retention is in force at once`() {
        #expect(effective(.days(7), [(.days(30), 0)], grace: .zero).keep == .days(7))
    }
}
