@testable import AgentDaemon
import ConfigAPI
import Declarations
import Glibc
import Runtime
import Telemetry
import Testing

@Suite struct ProbationTests {
    private let good = config(1, [collector("load", "load", every: "1s")])
    private let poison = config(2, [collector("load", "load", every: "2s"), collector("mem", "memory", every: "1s")])

    private func withFolder(_ body: (String) async throws -> Void) async throws {
        let folder: String = try Files.createTemporaryFolder(prefix: "plumb-probation")
        do { try await body(folder) } catch {
            try Files.removeTree(folder)
            throw error
        }
        try Files.removeTree(folder)
    }

    private func keeper(_ folder: String) async -> ConfigKeeper {
        let keeper = ConfigKeeper(stateDirectory: folder, logger: quietLogger) {}
        _ = await keeper.load()
        return keeper
    }

    /// An agent that runs the good config.
    private func settled(_ folder: String) async throws -> ConfigKeeper {
        let keeper: ConfigKeeper = await keeper(folder)
        try await keeper.receive(good)
        return keeper
    }

    @Test func theFirstConfigHasNoneToGoBackToAndIsNotOnTrial() async throws {
        try await withFolder { folder in
            _ = try await settled(folder)
            #expect(!Files.exists("\(folder)/config.next"))
            for _ in 0..<4 { #expect(await keeper(folder).snapshot.running.digest == good.digest) }
        }
    }

    @Test func threeAcknowledgedTicksEndTheProbation() async throws {
        try await withFolder { folder in
            let keeper: ConfigKeeper = try await settled(folder)
            try await keeper.receive(poison)
            #expect(Files.exists("\(folder)/config.next"))
            await keeper.acknowledged(newest: .now() - .seconds(1))
            for _ in 0..<2 { await keeper.acknowledged(newest: .now() + .seconds(1)) }
            #expect(Files.exists("\(folder)/config.next"), "a frame from before the change proves nothing")
            await keeper.acknowledged(newest: .now() + .seconds(1))
            #expect(!Files.exists("\(folder)/config.next"))
        }
    }

    @Test func afterTwoCrashesTheConfigBeforeRunsAndTheNewOneIsRejected() async throws {
        try await withFolder { folder in
            try await settled(folder).receive(poison)
            // Killed: nothing says good-bye. The first time it is given another chance.
            let second: ConfigKeeper = await keeper(folder)
            #expect(second.snapshot.running.digest == poison.digest)
            let third: ConfigKeeper = await keeper(folder)
            #expect(third.snapshot.running.digest == good.digest)
            #expect(third.snapshot.rejected?.digest == poison.digest)
            #expect(!Files.exists("\(folder)/config.next"))
            // Asked for again, also by a resync, it stays out; and after another start.
            var again: AgentConfig = poison
            again.resyncNumber = 1
            again.resync = ["Collector/load", "Collector/mem"]
            try await third.receive(again)
            #expect(third.snapshot.running.digest == good.digest)
            let fourth: ConfigKeeper = await keeper(folder)
            #expect(fourth.snapshot.running.digest == good.digest)
            #expect(fourth.snapshot.rejected?.digest == poison.digest)
            // Another config is tried.
            let mended: AgentConfig = config(3, [collector("load", "load", every: "3s")])
            try await fourth.receive(mended)
            #expect(fourth.snapshot.running.digest == mended.digest)
            #expect(fourth.snapshot.rejected == nil)
        }
    }

    @Test func stoppingAsOneShouldIsNoCrash() async throws {
        try await withFolder { folder in
            try await settled(folder).receive(poison)
            for _ in 0..<4 {
                let next: ConfigKeeper = await keeper(folder)
                #expect(next.snapshot.running.digest == poison.digest || next.snapshot.rejected == nil)
                await next.pauseTrial()
            }
            #expect(await keeper(folder).snapshot.running.digest == poison.digest)
        }
    }

    @Test func whatIsOnTrialIsNotWhatIsGoneBackTo() async throws {
        try await withFolder { folder in
            let first: ConfigKeeper = try await settled(folder)
            try await first.receive(poison)
            try await first.receive(config(3, [collector("cpu", "cpu", every: "5s")]))
            _ = await keeper(folder)
            #expect(await keeper(folder).snapshot.running.digest == good.digest)
        }
    }

    @Test func theStatusSaysWhatWasRejectedAndWhy() async throws {
        try await withServer { server, harness in
            let before = ConfigKeeper(stateDirectory: "\(harness.folder)/state", logger: quietLogger) {}
            _ = await before.load()
            try await before.receive(good)
            try await before.receive(poison)
            _ = await ConfigKeeper(stateDirectory: "\(harness.folder)/state", logger: quietLogger) {}.load()
            server.send(poison)
            try await harness.running {
                try await eventually("a status") {
                    guard let status = server.statuses.last else { return false }
                    let rejected = status.running.resources.filter { $0.state == .rejected }
                    return rejected.map(\.name).sorted() == ["load", "mem"] && status.running.digest == good.digest
                        && rejected.allSatisfy { $0.error?.contains("generation 2") == true }
                }
                try await eventually("collection") { harness.files.loadReads >= 3 }
            }
        }
    }
}
