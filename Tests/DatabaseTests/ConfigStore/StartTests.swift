import ConfigAPI
import Database
import Telemetry
import TestSupport
import Testing

@Suite struct StartTests {
    @Test func `crashes in a row under one generation are counted, and another generation begins at nothing`()
        async throws
    {
        let fixture = try await ConfigStoreFixture()
        let store = fixture.store
        defer { withExtendedLifetime(fixture) {} }
        #expect(try await store.countCrash(of: "one") == nil)
        try await store.beginGeneration(7, of: "one")
        try await store.beginGeneration(7, of: "two")
        #expect(try await store.countCrash(of: "one") == .init(generation: 7, count: 1))
        try await store.beginGeneration(7, of: "one")
        #expect(try await store.countCrash(of: "one") == .init(generation: 7, count: 2))
        try await store.beginGeneration(8, of: "one")
        #expect(try await store.countCrash(of: "one") == .init(generation: 8, count: 1))
        #expect(try await store.countCrash(of: "two") == .init(generation: 7, count: 1))
    }

    @Test func `what lived long enough or ended in order is forgotten`() async throws {
        let fixture = try await ConfigStoreFixture()
        let store = fixture.store
        defer { withExtendedLifetime(fixture) {} }
        try await store.beginGeneration(7, of: "one")
        #expect(try await store.settleStart(of: "one", after: .minutes(5)) == false)
        #expect(try await store.settleStart(of: "one", after: .zero))
        #expect(try await store.settleStart(of: "one", after: .minutes(5)))
        #expect(try await store.countCrash(of: "one") == nil)
    }
}
