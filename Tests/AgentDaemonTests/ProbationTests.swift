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
            let start: Timestamp = .now() + .seconds(1)
            await keeper.acknowledged(newest: start - .seconds(60))
            for tick in 0..<2 { await keeper.acknowledged(newest: start + .seconds(Int64(tick))) }
            #expect(Files.exists("\(folder)/config.next"), "a frame from before the change proves nothing")
            await keeper.acknowledged(newest: start + .seconds(2))
            #expect(!Files.exists("\(folder)/config.next"))
        }
    }

    @Test func aTickInSeveralRequestsIsOne() async throws {
        try await withFolder { folder in
            let keeper: ConfigKeeper = try await settled(folder)
            try await keeper.receive(poison)
            let start: Timestamp = .now() + .seconds(1)
            // Each producer a few milliseconds later, and the first tick's slowest behind the second's first.
            for place in [0, 3, 8, 20, 990, 1_000, 30, 1_005] {
                await keeper.acknowledged(newest: start + .milliseconds(Int64(place)))
            }
            #expect(Files.exists("\(folder)/config.next"), "two ticks are not three")
            await keeper.acknowledged(newest: start + .seconds(2))
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

    /// Three resources; what is rejected changes two of them, what comes after it only one of these again.
    private func trio(_ generation: Int, load: String, memory: String) -> AgentConfig {
        config(
            generation,
            [
                collector("cpu", "cpu", every: "5s"), collector("load", "load", every: load),
                collector("mem", "memory", every: memory),
            ])
    }

    @Test func theConfigAfterARejectedOneIsTakenWhole() async throws {
        try await withFolder { folder in
            let before: AgentConfig = trio(1, load: "1s", memory: "1s")
            let rejected: AgentConfig = trio(2, load: "2s", memory: "2s")
            let mended: AgentConfig = trio(3, load: "2s", memory: "3s")
            let first: ConfigKeeper = await keeper(folder)
            try await first.receive(before)
            try await first.receive(rejected)
            _ = await keeper(folder)
            let third: ConfigKeeper = await keeper(folder)
            #expect(third.snapshot.running.digest == before.digest)
            // Somebody edits what none of them changed, and adds something.
            let local: [AgentConfig.Item] = [
                collector("cpu", "cpu", every: "9s"), collector("load", "load", every: "1s"),
                collector("mem", "memory", every: "1s"), collector("own", "vmstat", every: "1s"),
            ]
            try Files.write(ConfigDocument.text(local, received: before), to: third.path)
            try await third.receive(mended)
            let wanted: [AgentConfig.Item] = [
                local[0], mended.resources[1], mended.resources[2], local[3],
            ]
            #expect(third.snapshot.running.items == wanted)
        }
    }

    @Test func withoutAReadableConfigTheRejectedOneStaysOut() async throws {
        try await withFolder { folder in
            try await settled(folder).receive(poison)
            for _ in 0..<2 { _ = await keeper(folder) }
            try Files.write(Array("{".utf8), to: "\(folder)/config.json")
            let next: ConfigKeeper = await keeper(folder)
            #expect(next.snapshot.file.error != nil)
            #expect(next.snapshot.running.digest == good.digest)
            try await next.receive(poison)
            #expect(next.snapshot.running.digest == good.digest)
        }
    }

    @Test func whatRanBeforeRunsAgainAlsoWithAKindThatThisAgentDoesNotKnow() async throws {
        try await withFolder { folder in
            func later(_ generation: Int, _ content: String, load: String) -> AgentConfig {
                let newer = AgentConfig.Item(kind: "Later", name: "x", spec: ["a": .string(content)], digest: content)
                return config(generation, [collector("load", "load", every: load), newer])
            }
            let before: AgentConfig = later(1, "one", load: "1s")
            let first: ConfigKeeper = await keeper(folder)
            try await first.receive(before)
            try await first.receive(later(2, "two", load: "2s"))
            for _ in 0..<2 { _ = await keeper(folder) }
            let next: ConfigKeeper = await keeper(folder)
            #expect(next.snapshot.file.error == nil)
            #expect(next.snapshot.running.digest == before.digest)
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
