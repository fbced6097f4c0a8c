import Database
import TestSupport
import Testing

@Suite struct DatabaseListenerTests {
    @Test(.timeLimit(.minutes(1)))
    func `notifications arrive, and again after the session was killed`() async throws {
        let database = try await TestPostgres.emptyDatabase()
        let listener = DatabaseListener(
            database.address, channels: ["news"],
            configuration: ConnectionConfiguration(applicationName: "the-listener"))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await listener.run() }
            var events = listener.events.makeAsyncIterator()
            #expect(await events.next() == .connected)
            try await database.person("NOTIFY news, 'first'")
            #expect(await events.next() == .notification(channel: "news", payload: "first"))
            try await database.superuser(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'the-listener'")
            #expect(await events.next() == .connected)
            try await database.person("NOTIFY news, 'second'")
            #expect(await events.next() == .notification(channel: "news", payload: "second"))
            group.cancelAll()
        }
    }
}
