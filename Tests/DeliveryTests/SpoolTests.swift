import Delivery
import Telemetry
import Testing

@Suite struct SpoolTests {
    private static var small: SpoolLog.Limits {
        var limits = SpoolLog.Limits()
        limits.segmentBytes = 2000
        return limits
    }

    /// A world whose backlog of `frames` is on disk.
    private func outage(frames: Int, _ limits: SpoolLog.Limits = Self.small) -> World {
        var world = World(.init(), limits)
        for _ in 0..<frames {
            world.collect()
            world.now = world.now + .seconds(10)
        }
        return world
    }

    @Test func everyValueComesBackFromTheDiskAsItWas() throws {
        var world = World()
        let values: [Double?] = [
            0, -0.0, 1, -1, 1.5, .nan, .staleMarker, .infinity, -.infinity, nil, 281_474_976_710_655, 1e300, .ulpOfOne,
            9_007_199_254_740_992,
        ]
        let frame = CollectedFrame(
            producer: "prüf", series: values.indices.map { Series("s\($0)", ["a": "\"\($0)\"", "b": "ü"]) },
            time: Timestamp(microseconds: -17), values: values)
        world.now = frame.time
        world.queue.append(frame, now: world.now)
        world.restart()
        let back = try #require(try world.next().frames.first)
        #expect(back.series == frame.series)
        #expect(back.time == frame.time)
        #expect(back.values.map { $0?.bitPattern } == values.map { $0?.bitPattern })
    }

    @Test func aKilledAgentGoesOnWhereItWasAndItsLedgerWithIt() throws {
        var world = World()
        for _ in 0..<10 { world.collect() }
        let first = try world.next()
        world.answer(first)
        for _ in 0..<10 { world.collect() }
        let before: DeliveryLedger = world.queue.ledger
        world.restart()
        #expect(world.queue.ledger == before)
        #expect(world.queue.framesOnDisk == 10)
        world.drain()
        #expect(world.stored == world.collected)
        #expect(world.duplicates == 0)
        #expect(world.queue.ledger.samples.waiting == 0)
    }

    @Test func anAnswerThatIsLostWithTheAgentCostsDuplicatesAndNothingElse() throws {
        var world = World()
        for _ in 0..<10 { world.collect() }
        world.store(try world.next())
        world.restart()
        world.drain()
        #expect(world.stored == world.collected)
        #expect(world.duplicates == 40)
        #expect(world.queue.ledger.samples.acknowledged == 40)
    }

    @Test func aServerThatIsAwayForADayGetsTheDay() {
        var world = outage(frames: 8640, SpoolLog.Limits())
        #expect(world.queue.framesInMemory <= 7, "what is on disk is not kept in memory")
        world.restart()
        world.drain()
        #expect(world.stored == world.collected)
        #expect(world.duplicates == 0)
        #expect(world.queue.isEmpty)
        #expect(world.queue.ledger.hours.values.reduce(0, +) == world.stored.count)
        #expect(world.disk.files.count == 1, "only the segment that is written to is left")
    }

    // Shows F-AG-14
    @Test func framesThatNoCheckpointKnewAndThatAreDamagedAreCounted() throws {
        var world: World = outage(frames: 100, SpoolLog.Limits())
        let number: Int = try #require(world.disk.files.keys.max())
        let bytes: Int = world.disk.files[number]?.count ?? 0
        // In the middle: frames before and behind it can be read.
        for place in bytes / 2..<bytes / 2 + 100 { world.disk.change(number, at: place) }
        world.restart()
        let ledger: DeliveryLedger = world.queue.ledger
        #expect(ledger.samples.collected == world.collected.count)
        let lost: Int = ledger.samples.dropped[.damaged] ?? 0
        #expect((4...40).contains(lost))
        world.drain()
        #expect(world.stored.count == world.collected.count - lost)
        #expect(world.queue.ledger.samples.acknowledged == world.stored.count)
        #expect(world.queue.ledger.samples.waiting == 0)
    }

    // Shows F-AG-14
    @Test func aFrameThatWasDeliveredAndThatIsDamagedIsNotDropped() throws {
        var world: World = outage(frames: 20, SpoolLog.Limits())
        world.drain()
        for _ in 0..<5 { world.collect() }
        let number: Int = try #require(world.disk.files.keys.max())
        let text: [UInt8] = world.disk.files[number] ?? []
        // The first frame behind the checkpoint and the list of series.
        let starts: [Int] = text.indices.dropLast(10).filter {
            text[$0] == 0xA5 && text[$0 + 1] == 0x50 && text[$0 + 10] == 3
        }
        world.disk.change(number, at: try #require(starts.first) + 12)
        world.restart()
        #expect(world.queue.ledger.samples.dropped.isEmpty)
        #expect(world.queue.ledger.samples.collected == world.collected.count)
        world.drain()
        #expect(world.stored == world.collected)
        #expect(world.queue.ledger.samples.acknowledged == world.collected.count)
    }

    @Test func aByteThatChangedCostsTheFramesThatItIsIn() throws {
        let whole: World = outage(frames: 200)
        var small = 0
        var all = 0
        for (number, bytes) in whole.disk.files.sorted(by: { $0.key < $1.key }).prefix(3) {
            for place in stride(from: 0, to: bytes.count, by: 61) {
                var world: World = outage(frames: 200)
                world.disk.change(number, at: place)
                world.restart()
                world.drain()
                let lost: Int = world.collected.count - world.stored.count
                #expect(world.queue.ledger.samples.dropped[.damaged] ?? 0 == lost, "\(number) at \(place)")
                #expect(world.queue.ledger.samples.waiting == 0)
                #expect(world.queue.ledger.samples.collected == world.collected.count)
                all += 1
                if lost <= 4 { small += 1 }
            }
        }
        // Only a damaged list of series takes more with it than one frame: the rest of its segment.
        #expect(all > 60)
        #expect(Double(small) > 0.85 * Double(all))
    }

    @Test func aSegmentThatIsGoneIsCounted() throws {
        var world: World = outage(frames: 200)
        let middle: Int = world.disk.files.keys.sorted()[2]
        world.disk.lose(middle)
        world.drain()
        let lost: Int = world.collected.count - world.stored.count
        #expect(lost > 0)
        #expect(world.queue.ledger.samples.dropped == [.damaged: lost])
        #expect(world.queue.ledger.samples.waiting == 0)
    }

    @Test func halfARecordAtTheEndIsNoHarm() throws {
        var world: World = outage(frames: 20)
        let last: Int = try #require(world.disk.files.keys.max())
        world.disk.cut(last, to: try #require(world.disk.files[last]).count - 3)
        world.restart()
        for _ in 0..<5 { world.collect() }
        world.drain()
        #expect(world.collected.count - world.stored.count == 4, "the frame that was being written")
        #expect(world.queue.ledger.samples.waiting == 0)
        #expect(world.queue.ledger.samples.acknowledged == world.stored.count)
    }

    @Test func theOldestSegmentGivesWayWhenTheSpoolIsFull() {
        var limits: SpoolLog.Limits = Self.small
        limits.bytes = 10_000
        var world: World = outage(frames: 1000, limits)
        #expect(world.disk.used <= 12_000)
        let dropped: Int = world.queue.ledger.samples.dropped[.spoolFull] ?? 0
        #expect(dropped > 1000)
        world.drain()
        #expect(world.stored.count == 4000 - dropped)
        #expect(world.stored.keys.map(\.milliseconds).max() == world.collected.keys.map(\.milliseconds).max())
        #expect(world.queue.ledger.samples.waiting == 0)
    }

    @Test func whatIsTooOldIsDropped() {
        var limits: SpoolLog.Limits = Self.small
        limits.age = .hours(1)
        var world: World = outage(frames: 720, limits)
        world.restart()
        world.drain()
        let oldest: Timestamp = world.now - .hours(1)
        #expect(world.stored.keys.allSatisfy { $0.milliseconds >= oldest.milliseconds })
        let ledger: DeliveryLedger = world.queue.ledger
        #expect(ledger.samples.dropped == [.tooOld: 2880 - world.stored.count])
        #expect(world.stored.count >= 1436)
    }

    @Test func aFullDiskCostsNothingWhileTheAgentRuns() throws {
        var world = World(.init(), Self.small)
        for _ in 0..<30 { world.collect() }
        world.disk.setCapacity(world.disk.used + 10)
        for _ in 0..<30 { world.collect() }
        #expect(world.queue.spool.failure != nil)
        let cargo = try world.next()
        world.answer(cargo)
        world.disk.setCapacity(.max)
        for _ in 0..<30 { world.collect() }
        #expect(world.queue.spool.failure == nil)
        world.restart()
        world.drain()
        let lost: Int = world.collected.count - world.stored.count
        #expect(lost <= 120, "only what was collected while the disk was full and the agent killed")
        #expect(world.queue.ledger.samples.waiting == 0)
        #expect(world.queue.ledger.samples.acknowledged <= world.stored.count)
    }

    // Shows F-AG-20
    @Test func whatIsInMemoryAloneIsWrittenDownAtTheEnd() {
        var world = World(.init(), Self.small)
        world.disk.setCapacity(world.disk.used)
        for _ in 0..<30 { world.collect() }
        #expect(world.queue.framesOnDisk == 0)
        world.disk.setCapacity(.max)
        #expect(world.queue.leaveEverythingToDisk() == 0)
        world.restart()
        world.drain()
        #expect(world.stored == world.collected)
        #expect(world.queue.ledger.samples.collected == 120)
        #expect(world.queue.ledger.samples.waiting == 0)
    }
}
