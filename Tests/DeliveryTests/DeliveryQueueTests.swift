import Delivery
import Telemetry
import Testing

@Suite struct DeliveryQueueTests {
    private func limits(frames: Int = 1000, bytes: Int = 1 << 20, points: Int = 10) -> DeliveryQueue.Limits {
        var limits = DeliveryQueue.Limits()
        limits.frames = frames
        limits.bytes = bytes
        limits.pointsPerRequest = points
        limits.backlogPointsPerRequest = points * 4
        return limits
    }

    // Shows F-AG-12
    @Test func aRequestCarriesAsManyWholeFramesAsFit() throws {
        var world = World(limits())
        for _ in 1...5 { world.collect() }
        let first = try world.next()
        #expect(first.points == 8)
        #expect(world.queue.take(allowingBacklog: true, now: world.now) == nil, "one request at a time")
        world.answer(first)
        let second = try world.next()
        #expect(second.frames.map(\.time).allSatisfy { $0 > first.frames[1].time })
        world.queue.returned(second)
        #expect(world.queue.take(allowingBacklog: true, now: world.now)?.frames == second.frames)
    }

    // Shows F-AG-12
    @Test func aFrameThatIsTooLargeForOneRequestIsCutIntoPartsWithDifferentSeries() {
        var world = World(limits())
        world.collect(width: 25)
        var names: [String] = []
        while let cargo = world.queue.take(allowingBacklog: true, now: world.now) {
            #expect(cargo.points <= 10)
            names += cargo.frames.flatMap { $0.series.map(\.name) }
            world.answer(cargo)
        }
        #expect(names == (0..<25).map { "load_\($0)" })
        #expect(world.queue.ledger.samples.acknowledged == 20)
        #expect(world.queue.isEmpty)
    }

    // Shows F-AG-13
    @Test func theOldestFrameGivesWayAndIsCountedWhereThereIsNoDisk() {
        var world = World(limits(frames: 3))
        world.disk.setCapacity(0)
        world.restart()
        for _ in 1...5 { world.collect() }
        #expect(world.queue.framesInMemory == 3)
        #expect(world.queue.ledger.samples.dropped == [.queueFull: 8])
        world.drain()
        #expect(world.stored.count == 12)
        #expect(world.queue.ledger.samples.waiting == 0)
    }

    @Test func whatTheMemoryHasNoPlaceForIsOnDisk() {
        var world = World(limits(frames: 3))
        for _ in 1...50 { world.collect() }
        #expect(world.queue.framesInMemory == 3)
        #expect(world.queue.framesOnDisk == 47)
        world.drain()
        #expect(world.stored == world.collected)
        #expect(world.duplicates == 0)
        #expect(world.queue.ledger.samples.dropped == [:])
    }

    @Test func freshFramesGoBeforeTheBacklog() throws {
        var world = World(limits(points: 4))
        for _ in 1...20 { world.collect() }
        world.now = world.now + .minutes(10)
        world.collect()
        let newest: Timestamp = world.now
        #expect(world.queue.framesInMemory == 1)
        let first = try world.next()
        #expect(first.frames.map(\.time) == [newest])
        world.answer(first)
        #expect(world.queue.take(allowingBacklog: false, now: world.now) == nil)
        let second = try world.next()
        #expect(second.lane == .backlog)
        #expect(second.points == 16, "the backlog goes in larger requests")
        // A frame that comes meanwhile goes before the rest of the backlog.
        world.answer(second)
        world.collect()
        #expect(world.queue.take(allowingBacklog: true, now: world.now)?.lane == .fresh)
    }

    // Shows F-AG-14 W-A-03
    @Test func aRefusedPointIsFoundByHalvingAndEverythingElseIsDelivered() {
        for poison in 0..<32 {
            var world = World(limits(points: 32))
            for _ in 1...8 { world.collect() }
            let samples: [World.Sample] = world.collected.keys.sorted {
                ($0.milliseconds, $0.series) < ($1.milliseconds, $1.series)
            }
            var requests = 0
            while let cargo = world.queue.take(allowingBacklog: true, now: world.now) {
                requests += 1
                world.answer(cargo) { $0 == samples[poison] }
            }
            #expect(world.stored.count == 31)
            #expect(world.queue.ledger.samples.dropped == [.refused: 1])
            #expect(world.queue.isEmpty)
            #expect(requests < 30)
        }
    }

    @Test func whileAPoisonIsLookedForFreshFramesGoBy() throws {
        var world = World(limits(points: 32))
        for _ in 1...8 { world.collect() }
        let poison: World.Sample = try #require(world.collected.keys.first)
        let whole = try world.next()
        world.answer(whole) { $0 == poison }
        world.collect()
        let next = try world.next()
        #expect(next.frames.map(\.time) == [world.now])
    }

    @Test func whatIsTooLargeIsCutAndTheFollowingRequestsAreSmaller() throws {
        var world = World(limits(points: 16))
        for _ in 1...12 { world.collect() }
        var sizes: [Int] = []
        while let cargo = world.queue.take(allowingBacklog: true, now: world.now) {
            sizes.append(cargo.points)
            if cargo.points > 8 {
                #expect(world.queue.refused(cargo, isTooLarge: true) == 0)
            } else {
                world.answer(cargo)
            }
        }
        #expect(sizes == [16, 8, 8, 16, 8, 8, 16, 8, 8], "after each success a larger one is tried again")
        #expect(world.stored == world.collected)
    }

    @Test func whatTheServerRejectsOneByOneIsCountedAndNotSentAgain() throws {
        var world = World(limits())
        world.collect()
        let cargo = try world.next()
        world.queue.delivered(cargo, .init(taken: 3, replaced: 1))
        #expect(world.queue.ledger.samples.acknowledged == 3)
        #expect(world.queue.ledger.samples.dropped == [.rejected: 1])
        #expect(world.queue.ledger.hours.values.reduce(0, +) == 2, "a replaced sample adds nothing to the store")
        #expect(world.queue.isEmpty)
    }

    @Test func aRequestHoldsFramesOfOneHour() {
        var world = World(limits(points: 100))
        world.now = DeliveryLedger.end(ofHour: 500_001) - .milliseconds(2)
        for _ in 1...4 { world.collect() }
        var hours: [Set<Int>] = []
        while let cargo = world.queue.take(allowingBacklog: true, now: world.now) {
            hours.append(Set(cargo.frames.map(\.hour)))
            world.answer(cargo)
        }
        #expect(hours == [[500_001], [500_002]], "the end of an hour belongs to it")
        #expect(world.queue.ledger.hours == [500_001: 8, 500_002: 8])
    }

    @Test func framesOfOneProducerAndListShareABatch() {
        func frame(_ time: Int64, points: Int = 4, producer: String = "p") -> CollectedFrame {
            CollectedFrame(
                producer: producer, series: (0..<points).map { Series("s\($0)") }, time: Timestamp(milliseconds: time),
                values: (0..<points).map { Double($0) })
        }
        let batches: [FrameBatch] = CollectedFrame.batches(
            [frame(1), frame(2, producer: "q"), frame(3), frame(4, points: 2)], host: "h")
        #expect(batches.map(\.source.producer) == ["p", "q", "p"])
        #expect(batches.map { $0.frames.map(\.time.milliseconds) } == [[1, 3], [2], [4]])
    }
}
