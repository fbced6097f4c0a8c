import Database
import Declarations
import Delivery
import Glibc
import PromQL
import Runtime
import Telemetry
import TestSupport
import Testing

/// Everything between a host and the store fails, over and over: the agent, the server and PostgreSQL are killed, the
/// server is away, the agent's disk is full, its spool is damaged, its clock is set. Whatever it was, the ledger balances
/// in the end, what was acknowledged is stored, and nothing is stored twice.
///
/// `make agent-faults` runs 100 rounds; `PLUMBLINE_AGENT_FAULT_ROUNDS` and `PLUMBLINE_FAULT_SEED` choose others.
@Suite(.serialized) struct AgentFaultTests {
    private enum Fault: String, CaseIterable {
        case agentKilled, serverKilled, serverAway, postgresKilled, everythingKilled
        case diskFull, spoolDamaged, clockForward, clockBack, dayAway

        /// What stands on another clock than the files: no rotation falls into it.
        var movesClock: Bool { [.clockForward, .clockBack, .dayAway].contains(self) }
    }

    private static func number(_ variable: String) -> UInt64? {
        getenv(variable).flatMap { UInt64(String(cString: $0)) }
    }
    private static let rounds = Int(number("PLUMBLINE_AGENT_FAULT_ROUNDS") ?? 10)

    // Shows F-AG-13, F-AG-14, F-AG-15, F-AG-18
    @Test(.timeLimit(.minutes(60)))
    func `whatever fails, the ledger balances, what is acknowledged is stored, and nothing is stored twice`()
        async throws
    {
        let seed: UInt64 = Self.number("PLUMBLINE_FAULT_SEED") ?? UInt64.random(in: 0 ... .max)
        print("agent faults: PLUMBLINE_FAULT_SEED=\(seed), \(Self.rounds) rounds")
        var random = Seeded(seed)
        let world = try await AgentWorld()
        let log: NumberedLog = world.log
        let writing = Task { await log.keepWriting() }
        // What is not there cannot be rotated.
        _ = try await answered("the first line is written") { log.written > 0 ? true : nil }
        var faults: [Fault] = []
        for round in 1...Self.rounds {
            if faults.isEmpty { faults = Fault.allCases.shuffled(using: &random) }
            let fault: Fault = faults.removeLast()
            do {
                if !fault.movesClock { try rotate(log, &random) }
                try await pause(100...800, &random)
                try await inflict(fault, world, &random)
                try await world.expectProgress("round \(round), after \(fault)")
            } catch {
                Issue.record("round \(round) (\(fault)): \(error)")
                break
            }
        }
        log.stop()
        await writing.value
        try await world.settle()
        try await check(world)
        world.server.kill()
        try await world.postgres.kill()
    }

    private func rotate(_ log: NumberedLog, _ random: inout Seeded) throws {
        switch random.next() % 3 {
        case 0: log.rotateByRename()
        case 1: try log.rotateByCopy()
        default: break
        }
    }

    private func pause(_ milliseconds: ClosedRange<Int>, _ random: inout Seeded) async throws {
        try await Task.sleep(for: .milliseconds(Int.random(in: milliseconds, using: &random)))
    }

    private func inflict(_ fault: Fault, _ world: AgentWorld, _ random: inout Seeded) async throws {
        switch fault {
        case .agentKilled:
            world.killAgent()
            try await pause(0...1000, &random)
            try world.agent.start()
        case .serverKilled:
            world.server.kill()
            try await world.server.start()
        case .serverAway:
            world.server.kill()
            try await pause(2000...5000, &random)
            // What the agent has on disk now it has in memory no more.
            if random.next() % 2 == 0 {
                world.killAgent()
                try world.agent.start()
            }
            try await world.server.start()
        case .postgresKilled:
            try await world.postgres.kill()
            try await pause(0...1000, &random)
            try await world.postgres.start()
        case .everythingKilled:
            world.killAgent()
            world.server.kill()
            try await world.postgres.kill()
            try await world.postgres.start()
            try world.agent.start()
            try await world.server.start()
        case .diskFull:
            try await world.agent.limitFiles(to: Int.random(in: 0...60_000, using: &random))
            let isAway: Bool = random.next() % 2 == 0
            if isAway { world.server.kill() }
            try await pause(1500...3500, &random)
            if isAway { try await world.server.start() }
            try await world.agent.limitFiles(to: nil)
        case .spoolDamaged:
            world.server.kill()
            try await pause(2500...5000, &random)
            world.killAgent()
            try world.agent.damageSpool(&random)
            try world.agent.start()
            try await world.server.start()
        case .clockForward, .clockBack:
            try world.clock.set(ahead: fault == .clockForward ? 3600 : -3600)
            try await pause(1500...3000, &random)
            try world.clock.set(ahead: 0)
        case .dayAway:
            // A day passes for the agent while the server is away: an hour every few hundred milliseconds.
            world.server.kill()
            for hour in 0..<24 {
                try world.clock.set(ahead: Int64(hour - 24) * 3600)
                try await pause(200...400, &random)
            }
            try world.clock.set(ahead: 0)
            try await world.server.start()
        }
    }

    // MARK: The account

    private func check(_ world: AgentWorld) async throws {
        let (ledger, spooled) = try world.agent.account()
        let samples: DeliveryLedger.Tally = ledger.samples
        #expect(
            samples.collected == samples.acknowledged + samples.droppedInAll + spooled, "\(samples), \(spooled) spooled"
        )
        let stored: Int = try await world.storedSamples()
        #expect(samples.acknowledged <= stored, "\(samples.acknowledged - stored) acknowledged samples are lost")
        // What was stored and its answer lost may be spooled, or dropped with a damaged spool.
        #expect(
            stored <= samples.acknowledged + spooled + samples.droppedInAll,
            "\(stored - samples.collected) samples are stored that were not collected")
        let numbers: [Int: Int] = try await world.storedNumbers()
        #expect(numbers.values.allSatisfy { $0 == NumberedPage.series }, "a page is stored twice, or a part of it")
        #expect(numbers.keys.allSatisfy { (0..<world.page.served).contains($0) })
        // A page that was read and not yet written down goes with an agent that is killed: one each time.
        let missing: Int = world.page.served - numbers.count
        #expect(
            missing * NumberedPage.series <= samples.droppedInAll + spooled + world.agentKills * NumberedPage.series,
            "\(missing) pages are missing")

        let lines: DeliveryLedger.Tally = try world.ledgerOfLines()
        let rows: (all: Int, different: Int) = try await world.storedLines()
        #expect(rows.all == rows.different, "\(rows.all - rows.different) lines are stored twice")
        #expect(rows.all == lines.acknowledged, "acknowledged and not stored, or the other way round")
        #expect(world.log.written == rows.all + lines.droppedInAll, "\(lines)")
        #expect(lines.collected == lines.acknowledged + lines.droppedInAll)
        print(
            "agent faults: samples \(samples.collected) collected, \(samples.acknowledged) acknowledged, \(stored) stored, "
                + "\(spooled) spooled, dropped \(samples.dropped); \(world.page.served) pages served, \(missing) missing; "
                + "lines \(world.log.written) written, \(rows.all) stored, dropped \(lines.dropped); "
                + "agent killed \(world.agentKills) times")
        #expect(samples.acknowledged > 0 && rows.all > 0)
    }
}
