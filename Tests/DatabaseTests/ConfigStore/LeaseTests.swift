import ConfigAPI
import Database
import Declarations
import Telemetry
import TestSupport
import Testing

@Suite struct LeaseTests {
    private typealias Fixture = ConfigStoreFixture

    private func request(_ holder: String, commit: String? = nil) -> LeaseRequest {
        LeaseRequest(source: "gitops-sync", holder: holder, ttl: .minutes(1), acceptedCommit: commit)
    }

    private func expire(_ fixture: Fixture) async throws {
        try await fixture.database.superuser("UPDATE leases SET expires_at = now() - interval '1 second'")
    }

    @Test func `the holder renews in the same epoch and the anchor stays where it was set`() async throws {
        let fixture = try await Fixture()
        let first: Lease = try await fixture.store.lease(request("one", commit: "c1"))
        let second: Lease = try await fixture.store.lease(request("one"))
        let third: Lease = try await fixture.store.lease(request("one", commit: "c2"))
        #expect([first, second, third].map(\.epoch) == [1, 1, 1])
        #expect([first, second, third].map(\.acceptedCommit) == ["c1", "c1", "c2"])
        #expect(second.expiresAt > first.expiresAt)
        #expect(try await fixture.store.lastLease(of: "gitops-sync") == third)
    }

    @Test func `the latest orders stay beside the lease, whoever holds it`() async throws {
        let fixture = try await Fixture()
        func orders(_ serial: Int) -> JSONValue { ["serial": .integer(serial), "suspended": ["by": "alice"]] }
        var request = request("one")
        #expect(try await fixture.store.lease(request).enforcement == nil)
        for (sent, kept) in [(3, 3), (2, 3), (4, 4)] {
            request.enforcement = orders(sent)
            #expect(try await fixture.store.lease(request).enforcement == orders(kept))
        }
        try await expire(fixture)
        #expect(try await fixture.store.lease(self.request("two")).enforcement == orders(4))
        request.enforcement = ["suspended": true]
        let error = await #expect(throws: ConfigStoreError.self) { try await fixture.store.lease(request) }
        guard case .rejected = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func `another holder waits until the lease ends, then the epoch grows`() async throws {
        let fixture = try await Fixture()
        _ = try await fixture.store.lease(request("one", commit: "c1"))
        let error = await #expect(throws: ConfigStoreError.self) { try await fixture.store.lease(request("two")) }
        guard case .conflict(let conflict) = error else {
            Issue.record("expected a conflict, got \(String(describing: error))")
            return
        }
        #expect(conflict.message.hasPrefix("another process holds the lease of source \"gitops-sync\", until "))
        try await expire(fixture)
        let taken: Lease = try await fixture.store.lease(request("two"))
        #expect(taken.epoch == 2)
        #expect(taken.acceptedCommit == "c1")
    }

    @Test func `who comes back after its lease ended gets a new epoch`() async throws {
        let fixture = try await Fixture()
        _ = try await fixture.store.lease(request("one"))
        try await expire(fixture)
        #expect(try await fixture.store.lease(request("one")).epoch == 2)
    }

    @Test func `a patch under an older, an ended or no lease is a conflict`() async throws {
        let fixture = try await Fixture()
        func outcome(epoch: Int, id: String) async throws -> String {
            let patch = try await fixture.patch(
                [Fixture.put("Collector", "cpu", Fixture.collector())], requestId: id, revision: "c1", leaseEpoch: epoch
            )
            do { _ = try await fixture.store.apply(patch, by: Fixture.gitSync) } catch .conflict(let conflict) {
                return conflict.message
            }
            return "applied"
        }
        #expect(try await outcome(epoch: 1, id: "a") == "source \"gitops-sync\" has no lease")
        _ = try await fixture.store.lease(request("one"))
        try await expire(fixture)
        #expect(try await outcome(epoch: 1, id: "b") == "the lease of \"gitops-sync\" has ended")
        _ = try await fixture.store.lease(request("two"))
        #expect(try await outcome(epoch: 1, id: "c") == "the lease of \"gitops-sync\" is at epoch 2, not 1")
        #expect(try await outcome(epoch: 2, id: "d") == "applied")
    }

    @Test func `of two who ask at once one gets it`() async throws {
        let fixture = try await Fixture()
        let granted: Int = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<6 {
                group.addTask { (try? await fixture.store.lease(request("holder-\(number)"))) != nil }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(granted == 1)
    }

    @Test func `a lease time out of bounds is refused`() async throws {
        let fixture = try await Fixture()
        for ttl in [PromDuration.milliseconds(10), .days(2)] {
            let wanted = LeaseRequest(source: "gitops-sync", holder: "one", ttl: ttl)
            await #expect(throws: ConfigStoreError.self) { try await fixture.store.lease(wanted) }
        }
    }
}
