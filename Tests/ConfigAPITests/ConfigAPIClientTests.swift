import ConfigAPI
import ConfigAPIClient
import Declarations
import Glibc
import Synchronization
import Telemetry
import TestSupport
import Testing

@Suite struct ConfigAPIClientTests {
    private func withClient(
        _ url: String, tokenFile: String?, _ body: (ConfigAPIClient) async throws -> Void
    ) async throws {
        let client = ConfigAPIClient(.init(url: url, tokenFile: tokenFile, timeout: .seconds(20)))
        do { try await body(client) } catch {
            await client.shutdown()
            throw error
        }
        await client.shutdown()
    }

    private func patch(_ generation: Int, _ storeId: String, _ changes: [ConfigChange]) -> ConfigPatch {
        ConfigPatch(
            requestId: "r\(generation)", storeId: storeId, generation: generation, revision: nil, leaseEpoch: nil,
            changes: changes)
    }

    private let put = ConfigChange(.put(["type": "webhook"]), kind: "Notifier", name: "ops")

    @Test func whatTheServerAnswersIsReadAsItsTypes() async throws {
        let folder = try TemporaryFolder()
        let tokenFile = try folder.write("config\n", to: "token")
        try await withServer(InMemoryBackend()) { server in
            try await withClient(server.url, tokenFile: tokenFile) { client in
                let before = try await client.snapshot()
                let after = try await client.apply(patch(before.generation, before.storeId, [put]))
                #expect(after.generation == before.generation + 1)
                #expect(after.resources.map(\.key) == [ResourceKey(.notifier, "ops")])
                #expect(try await client.snapshot() == after)
                let state = try await client.state()
                #expect(after.continued(by: state) == after)
                #expect(before.continued(by: state) == nil)
                #expect(try await client.audit(since: before.generation).map(\.name) == ["ops"])
                let lease = try await client.lease(LeaseRequest(source: "ada", holder: "h", ttl: .seconds(30)))
                #expect(lease.epoch == 1)
            }
        }
    }

    @Test func conflictAndRejectionAreTold() async throws {
        let folder = try TemporaryFolder()
        let tokenFile = try folder.write("config", to: "token")
        try await withServer(InMemoryBackend()) { server in
            try await withClient(server.url, tokenFile: tokenFile) { client in
                let snapshot = try await client.snapshot()
                await #expect { try await client.apply(patch(99, snapshot.storeId, [put])) } throws: { error in
                    guard case ConfigAPIClientError.conflict(let conflict) = error else { return false }
                    return conflict.generation == snapshot.generation
                }
                let unknown = ConfigChange(.put([:]), kind: "Nonsense", name: "x")
                await #expect {
                    try await client.apply(patch(snapshot.generation, snapshot.storeId, [unknown]))
                } throws: { error in
                    guard case ConfigAPIClientError.rejected(let rejection) = error else { return false }
                    return rejection.errors.map(\.kind) == ["Nonsense"]
                }
            }
        }
    }

    @Test func aTokenThatIsReplacedIsReadAgain() async throws {
        let folder = try TemporaryFolder()
        let tokenFile = try folder.write("nonsense", to: "token")
        try await withServer(InMemoryBackend()) { server in
            try await withClient(server.url, tokenFile: tokenFile) { client in
                await #expect { try await client.snapshot() } throws: { error in
                    guard case ConfigAPIClientError.unauthorized = error else { return false }
                    return true
                }
                try folder.write("config", to: "token")
                _ = try await client.snapshot()
                unlink(tokenFile)
                await #expect(throws: ConfigAPIClientError.self) { try await client.snapshot() }
            }
        }
    }

    @Test func whatDoesNotAnswerIsUnreachable() async throws {
        try await withClient("http://127.0.0.1:1", tokenFile: nil) { client in
            await #expect { try await client.snapshot() } throws: { error in
                guard let error = error as? ConfigAPIClientError, case .unreachable = error else { return false }
                return error.isUnknown
            }
        }
    }

    @Test func everyChangeIsAnEvent() async throws {
        let folder = try TemporaryFolder()
        let tokenFile = try folder.write("config", to: "token")
        let backend = InMemoryBackend()
        try await withServer(backend) { server in
            try await withClient(server.url, tokenFile: tokenFile) { client in
                let snapshot = try await client.snapshot()
                let (events, event) = AsyncStream<String>.makeStream()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try? await client.follow { event.yield($0) } }
                    var iterator = events.makeAsyncIterator()
                    // The present state, then the change.
                    _ = await iterator.next()
                    _ = try await client.apply(patch(snapshot.generation, snapshot.storeId, [put]))
                    let change: String? = await iterator.next()
                    #expect(change == "generation")
                    group.cancelAll()
                }
            }
        }
    }
}
