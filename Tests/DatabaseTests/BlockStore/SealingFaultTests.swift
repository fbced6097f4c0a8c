import Database
import PromQL
import Telemetry
import TestSupport
import Testing

/// Sealing cut off at every step, and read meanwhile.
@Suite struct SealingFaultTests {
    private struct CutOff: Error {}

    private actor End {
        private(set) var hasCome = false
        func come() { hasCome = true }
    }

    /// After every step the answers are the same, and somebody else goes on from the catalogue alone.
    @Test func `sealing that ends after any step is taken up again`() async throws {
        let world = try await SealingWorld()
        try await world.ingest(seed: 11)
        let before = try await world.answers()
        var steps: [SealStep] = []
        while let step = try await world.nextStep() {
            // A process of its own for each step.
            let successor = BlockStore(pool: world.database.pool, compression: .zstd)
            if case .fill = step {
                // Cut off after each source but the last.
                for _ in 0..<2 {
                    await #expect(throws: CutOff.self) {
                        try await successor.take(step, under: nil) { _ in throw CutOff() }
                    }
                    #expect(try await world.answers() == before)
                    #expect(try await world.nextStep() == step)
                }
            }
            try await successor.take(step, under: nil)
            #expect(try await world.answers() == before)
            steps.append(step)
        }
        #expect(steps.count == 8)
        #expect(try await world.states() == [.sealed, .sealed])
    }

    /// A source that is written window by window, cut off after any number of pieces, is there once and whole.
    @Test func `sealing that ends within a source is taken up again`() async throws {
        let world = try await SealingWorld()
        try await world.ingest(seed: 15)
        let before = try await world.answers()
        let blocks = BlockStore(pool: world.database.pool, compression: .zstd, valuesInMemory: 700)
        var (cuts, most) = (0, 0)
        while let step = try await world.nextStep() {
            guard case .fill(let building, _, _, _, _) = step else {
                try await blocks.take(step, under: nil)
                continue
            }
            var isDone = false
            for limit in stride(from: 5, through: 1000, by: 9) where !isDone {
                var pieces = 0
                do {
                    try await blocks.take(
                        step, under: nil,
                        pace: {
                            pieces += 1
                            if pieces >= limit { throw CutOff() }
                        })
                    isDone = true
                } catch is CutOff { cuts += 1 }
                #expect(try await world.answers() == before)
            }
            #expect(isDone)
            let windows: SQLRow = try await world.database.superuser(
                """
                SELECT max(n) AS most FROM (
                    SELECT count(*) AS n FROM plumbline.\(building) GROUP BY source, layout) AS block
                """
            ).only()
            most = max(most, try windows.int("most"))
        }
        #expect(cuts > 10 && most > 2)
        #expect(try await world.answers() == before)
        #expect(try await world.states() == [.sealed, .sealed])
    }

    /// The server ends the session in the midst of each statement that sealing runs, as a kill -9 of ours would look to
    /// it. A trigger on what is written picks the moment.
    @Test(arguments: [
        "INSERT ON plumbline.partitions", "UPDATE ON plumbline.partitions", "DELETE ON plumbline.partitions",
    ])
    func `a session that dies in a step leaves what was there`(moment: String) async throws {
        let world = try await SealingWorld()
        try await world.ingest(seed: 12)
        let before = try await world.answers()
        try await world.database.superuser(
            """
            CREATE FUNCTION public.die() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
            $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$
            """)
        var deaths = 0
        while let step = try await world.nextStep() {
            try await world.database.superuser(
                "CREATE TRIGGER die AFTER \(moment) FOR EACH STATEMENT EXECUTE FUNCTION public.die()")
            let states = try await world.states()
            var hasDied = false
            do { try await world.blocks.take(step, under: nil) } catch { hasDied = true }
            try await world.database.superuser("DROP TRIGGER die ON plumbline.partitions")
            #expect(try await world.answers() == before)
            if hasDied {
                deaths += 1
                #expect(try await world.states() == states)
                try await world.blocks.take(step, under: nil)
                #expect(try await world.answers() == before)
            }
        }
        #expect(deaths > 0)
        #expect(try await world.states() == [.sealed, .sealed])
    }

    /// A transaction that has read the frames and stays open: neither sealing nor ingest wait for it, it goes on reading
    /// what it saw, and only the drop of the old table waits until it is gone.
    @Test func `a reader that stays open holds nothing up`() async throws {
        let world = try await SealingWorld()
        try await world.ingest(seed: 13)
        let before = try await world.answers()
        let table = try #require(try await world.blocks.tables().first?.name)
        let reader = try await world.database.connect(as: world.database.operatorAddress)
        _ = try await reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        let count = "SELECT count(*) AS n FROM plumbline.\(table)"
        let rows: Int = try await reader.execute(count).only().int("n")
        #expect(rows > 1000)

        // What comes late stays where it is for now.
        let policy = SealPolicy(sealAfter: .hours(48), foldAfter: .days(3000), dropAfter: .zero)
        var steps = 0
        while let step = try await world.nextStep(policy), step != .drop(table: table) {
            try await world.blocks.take(step, under: nil)
            // Every write goes through at once: none waits for a lock.
            steps += 1
            try await world.ingestLate(at: SealingWorld.start + .hours(3) + .seconds(Int64(steps)))
        }
        let drop = SealStep.drop(table: table)
        #expect(steps == 6)
        #expect(try await world.nextStep(policy) == drop)
        let error = await #expect(throws: DatabaseError.self) { try await world.blocks.take(drop, under: nil) }
        #expect(error?.isLockTimeout == true)
        try await world.ingestLate(at: SealingWorld.start + .hours(4))
        #expect(try await reader.execute(count).only().int("n") == rows)
        #expect(try await world.answers() == before)
        _ = try await reader.execute("COMMIT")
        try await world.sealEverything()
        #expect(try await world.answers() == before)
        #expect(try await world.states() == [.sealed, .sealed])
    }

    /// Reads without a pause while spans are sealed, folded again and again, and dropped at once.
    @Test func `readers see every sample once at every moment`() async throws {
        let world = try await SealingWorld()
        try await world.ingest(seed: 14, hours: 30, every: .minutes(10))
        let before = try await world.answers()
        let end = End()
        let reads = try await withThrowingTaskGroup(of: Int.self) { group in
            group.addTask { () async throws -> Int in
                var reads = 0
                while await !end.hasCome {
                    let now: [[SealingWorld.Answer]] = try await world.answers()
                    #expect(now == before)
                    reads += 1
                }
                return reads
            }
            for round in 0..<4 {
                try await world.sealEverything()
                try await world.ingestLate(at: SealingWorld.start + .hours(7) + .seconds(Int64(round)))
            }
            await end.come()
            return try await group.next() ?? 0
        }
        #expect(reads > 0)
    }
}

extension SealingWorld {
    /// A sample that none of the answers asks for.
    func ingestLate(at time: Timestamp) async throws {
        let source = Source(host: "late", producer: "p")
        _ = try await store.store([
            FrameBatch(source: source, series: [Series("unasked")], frames: [Frame(time: time, values: [1])])
        ])
    }
}
