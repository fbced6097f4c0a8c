import Delivery
import Telemetry
import Testing

@Suite struct FaultTests {
    /// Everything that can happen, in any order: the ledger balances at every moment, what is acknowledged is stored,
    /// and what is stored is stored once and as it was.
    @Test(arguments: 0..<100) func nothingIsLostUnaccountedOrDoubled(round: Int) {
        var random = Seeded(state: UInt64(round))
        var limits = DeliveryQueue.Limits()
        limits.frames = Int.random(in: 5...60, using: &random)
        limits.pointsPerRequest = Int.random(in: 1...40, using: &random)
        limits.backlogPointsPerRequest = Int.random(in: 1...80, using: &random)
        var spool = SpoolLog.Limits()
        spool.segmentBytes = Int.random(in: 500...5000, using: &random)
        spool.bytes = Bool.random(using: &random) ? 256 << 20 : Int.random(in: 5_000...20_000, using: &random)
        var world = World(limits, spool)
        let poison: Int = Int.random(in: 20...200, using: &random)
        let isPoison: (World.Sample) -> Bool = { Int($0.milliseconds) % poison == 0 && $0.series.hasSuffix("_1") }
        var isFull = false
        var crashedWhenFull = false
        for _ in 0..<400 {
            switch Int.random(in: 0..<20, using: &random) {
            case 0..<8: world.collect(width: Int.random(in: 1...9, using: &random))
            case 8: world.now = world.now + .seconds(Int64.random(in: 0...90, using: &random))
            case 9 where Int.random(in: 0..<4, using: &random) == 0:
                if world.isUnwritten { crashedWhenFull = true }
                world.restart()
            case 10:
                isFull.toggle()
                world.disk.setCapacity(isFull ? world.disk.used + Int.random(in: 0...300, using: &random) : .max)
            case 11 where Int.random(in: 0..<20, using: &random) == 0:
                let step = PromDuration.hours(1)
                world.now = Bool.random(using: &random) ? world.now + step : world.now - step
                // Not onto instants that were used before: those samples would replace each other.
                world.now = world.now + .milliseconds(Int64.random(in: 1...999_999, using: &random))
            default: Self.exchange(&world, isPoison, &random)
            }
            #expect(world.queue.ledger.samples.waiting >= 0)
        }
        world.disk.setCapacity(.max)
        if Bool.random(using: &random) {
            if world.isUnwritten { crashedWhenFull = true }
            world.restart()
        }
        world.drain(isPoison: isPoison)
        check(world, crashedWhenFull: crashedWhenFull)
    }

    private static func exchange(_ world: inout World, _ isPoison: (World.Sample) -> Bool, _ random: inout Seeded) {
        guard let cargo = world.queue.take(allowingBacklog: Bool.random(using: &random), now: world.now) else { return }
        switch Int.random(in: 0..<6, using: &random) {
        case 0: world.queue.returned(cargo)
        case 1:
            // The answer is lost.
            if !cargo.frames.isEmpty, cargo.points < 3 { world.store(cargo) }
            world.queue.returned(cargo)
        case 2 where cargo.points > 1: _ = world.queue.refused(cargo, isTooLarge: true)
        default: world.answer(cargo, isPoison: isPoison)
        }
    }

    private func check(_ world: World, crashedWhenFull: Bool) {
        let ledger: DeliveryLedger = world.queue.ledger
        #expect(world.queue.isEmpty)
        #expect(ledger.samples.waiting == 0)
        #expect(world.stored.allSatisfy { world.collected[$0.key] == $0.value })
        #expect(ledger.samples.acknowledged <= world.stored.count)
        #expect(ledger.hours.values.reduce(0, +) <= world.stored.count)
        // A disk that is full when the agent dies is the one case in which something is gone that nobody counted.
        guard !crashedWhenFull else { return }
        #expect(ledger.id == "first")
        #expect(ledger.samples.collected == world.collected.count)
        let storedAndDropped: Int = ledger.samples.acknowledged + ledger.samples.droppedInAll
        #expect(storedAndDropped == world.collected.count)
        // A request whose answer was lost may be stored and dropped later; nothing else may be in both.
        #expect(world.stored.count + ledger.samples.droppedInAll >= world.collected.count)
    }

    @Test func noBytesOnTheDiskTrapTheReader() {
        var random = Seeded(state: 11)
        for _ in 0..<200 {
            var changed = World()
            for _ in 0..<40 { changed.collect(width: 7) }
            let numbers: [Int] = changed.disk.files.keys.sorted()
            for _ in 0..<20 {
                let number: Int = numbers.randomElement(using: &random) ?? 1
                let count: Int = changed.disk.files[number]?.count ?? 0
                guard count > 0 else { continue }
                changed.disk.change(number, at: Int.random(in: 0..<count, using: &random))
            }
            changed.restart()
            changed.drain()
            #expect(changed.queue.ledger.samples.waiting == 0)
        }
    }
}
