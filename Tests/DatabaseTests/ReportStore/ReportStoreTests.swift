import Database
import Declarations
import Telemetry
import TestSupport
import Testing

@Suite struct ReportStoreTests {
    private func report(_ number: Int, outcome: String = "applied") throws -> StoredReport {
        var generator = SystemRandomNumberGenerator()
        let start = Timestamp(milliseconds: 1_763_683_628_000 + Int64(number))
        return try StoredReport(json: [
            "version": 1, "id": .string(ULID(time: start, using: &generator).description), "host": "web-1",
            "startedAt": .time(start), "outcome": .string(outcome), "commit": ["id": "c0ffee"], "changes": [],
        ])
    }

    // Shows F-GO-07
    @Test func `reports are listed from the newest, by pages and by outcome`() async throws {
        let database = try await TestPostgres.database()
        let store = ReportStore(pool: database.pool)
        let reports: [StoredReport] = try (1...5).map { try report($0, outcome: $0 == 2 ? "failed" : "applied") }
        for report in [reports[3], reports[0], reports[4], reports[2], reports[1]] { try await store.save(report) }
        let first: [JSONValue] = try await store.list(limit: 3)
        #expect(first == [reports[4], reports[3], reports[2]].map(\.json))
        #expect(try await store.list(limit: 3, before: reports[2].id) == [reports[1], reports[0]].map(\.json))
        #expect(try await store.list(limit: 3, outcome: "failed") == [reports[1].json])
    }

    @Test func `a report that comes again replaces itself`() async throws {
        let database = try await TestPostgres.database()
        let store = ReportStore(pool: database.pool)
        var report = try report(1)
        try await store.save(report)
        report.outcome = "inSync"
        report.json = .object((report.json.object ?? [:]).merging(["outcome": "inSync", "count": 2]) { $1 })
        try await store.save(report)
        #expect(try await store.list(limit: 10) == [report.json])
        #expect(try await store.report(report.id) == report.json)
        #expect(try await store.remove(startedBefore: report.startedAt + .seconds(1)) == 1)
        #expect(try await store.report(report.id) == nil)
    }

    @Test func `what is no report is refused with the place`() {
        let error = #expect(throws: JSONFormError.self) {
            _ = try StoredReport(json: ["id": "1", "startedAt": "2026-11-21T00:00:00Z", "outcome": "applied"])
        }
        #expect(error?.description == "/id: expected a ULID, got \"1\"")
    }
}
