import Database
import Declarations
import Reconciliation
import Telemetry
import TestSupport
import Testing

@Suite struct DriftStoreTests {
    private static let start = Timestamp(milliseconds: 1_763_683_628_000)

    private static func id(_ number: Int64) -> String {
        var generator = SystemRandomNumberGenerator()
        return ULID(time: start + .seconds(number), using: &generator).description
    }

    /// A drift that was made at `second`, seen one second later, and healed after `healed` seconds more.
    private static func entry(
        _ id: String, second: Int64, healed: Int64? = nil, kind: String = "Retention", host: String? = nil
    ) throws -> DriftEntry {
        let seen: Timestamp = start + .seconds(second + 1)
        let ended: Timestamp? = healed.map { seen + .seconds($0) }
        return try DriftEntry(
            json: .object(compacting: [
                "id": .string(id), "target": host == nil ? "server" : "agents", "host": host.map(JSONValue.string),
                "kind": .string(kind), "name": "metrics", "action": "update", "paths": ["/keep"],
                "changedBy": ["who": "alice", "via": "sql", "at": .time(start + .seconds(second))],
                "detectedAt": .time(seen), "state": healed == nil ? "open" : "healed",
                "result": healed == nil ? "tolerated" : "applied", "endedAt": ended.map(JSONValue.time),
                "updatedAt": .time(ended ?? seen),
            ]))
    }

    private static func report(_ second: Int64, _ drift: [JSONValue]) throws -> StoredReport {
        try StoredReport(json: [
            "version": 1, "id": .string(id(second)), "startedAt": .time(start + .seconds(second)),
            "outcome": "corrected", "changes": [], "drift": .array(drift),
        ])
    }

    // Shows F-GO-07
    @Test func `an entry that comes twice or late is the latest form of one`() async throws {
        let database = try await TestPostgres.database()
        let (reports, drift) = (ReportStore(pool: database.pool), DriftStore(pool: database.pool))
        let id: String = Self.id(1)
        let (open, healed) = (try Self.entry(id, second: 0), try Self.entry(id, second: 0, healed: 3))
        let first = try Self.report(1, [open.json, open.json])
        try await reports.save(first)
        #expect(try await drift.list(limit: 10) == [open.json])
        try await reports.save(try Self.report(2, [healed.json]))
        try await reports.save(first)
        #expect(try await drift.list(limit: 10) == [healed.json])
    }

    @Test func `an entry that cannot be read loses neither its report nor the others`() async throws {
        let database = try await TestPostgres.database()
        let (reports, drift) = (ReportStore(pool: database.pool), DriftStore(pool: database.pool))
        let good: JSONValue = try Self.entry(Self.id(1), second: 0).json
        let strange: JSONValue = .object((good.object ?? [:]).merging(["state": "new in a later version"]) { $1 })
        let nameless: JSONValue = .object((good.object ?? [:]).merging(["id": "no-ulid"]) { $1 })
        let report = try Self.report(1, [strange, nameless, good])
        try await reports.save(report)
        #expect(try await reports.report(report.id) == report.json)
        #expect(try await drift.list(limit: 10) == [good])
    }

    @Test func `entries are found by state, resource, host and time, and summed up`() async throws {
        let database = try await TestPostgres.database()
        let (reports, drift) = (ReportStore(pool: database.pool), DriftStore(pool: database.pool))
        let entries: [DriftEntry] = [
            try Self.entry(Self.id(1), second: 0, healed: 1), try Self.entry(Self.id(2), second: 10, healed: 3),
            try Self.entry(Self.id(3), second: 20, kind: "Collector", host: "web-1"),
        ]
        try await reports.save(try Self.report(30, entries.map(\.json)))
        let names = entries.map(\.json)
        #expect(try await drift.list(limit: 2) == [names[2], names[1]])
        #expect(try await drift.list(limit: 2, before: ULID(entries[1].id)) == [names[0]])
        #expect(try await drift.list(.init(state: .open), limit: 9) == [names[2]])
        #expect(try await drift.list(.init(kind: "Retention", name: "metrics"), limit: 9) == [names[1], names[0]])
        #expect(try await drift.list(.init(host: "web-1"), limit: 9) == [names[2]])
        let span = DriftStore.Filter(from: Self.start + .seconds(1), to: Self.start + .seconds(11))
        #expect(try await drift.list(span, limit: 9) == [names[0]])
        let summary: JSONValue = try await drift.summary()
        #expect(
            summary == [
                "count": 3, "open": 1, "detectSeconds": ["p50": 1, "p95": 1, "max": 1],
                "healSeconds": ["p50": 2, "p95": 2.9, "max": 3],
            ])
        #expect(try await drift.summary(.init(host: "web-2")) == ["count": 0, "open": 0])
    }
}
