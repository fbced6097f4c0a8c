import Database
import Declarations
import Pipelines
import Runtime
import Telemetry
import TestSupport
import Testing

@testable import ServerDaemon

@Suite struct CorrelatedEventsTests {
    // Shows F-SV-20
    @Test func eventsOfTheHostAndOfNoneAreTold() async throws {
        let database: TestDatabase = try await TestPostgres.database()
        defer { withExtendedLifetime(database) {} }
        let moment: Timestamp = .now().floored(to: .seconds(1)) - .hours(1)
        let store = EventStore(pool: database.pool)
        func event(_ id: String, _ seconds: Int64, host: String? = nil, payload: JSONValue = [:]) -> Event {
            Event(
                time: moment + .seconds(seconds), source: "shop", type: "deploy", sourceID: id, host: host,
                payload: payload)
        }
        let long: JSONValue = ["text": .string(String(repeating: "x", count: 500))]
        _ = try await store.store([
            event("a", -30, payload: ["version": "7"]), event("b", 30, host: "web"), event("c", 31, host: "db"),
            event("d", 900), event("e", 32, payload: long),
        ])
        let span = CorrelationSpan(time: moment, window: .minutes(5))
        let section: Section = try await Correlator.events(
            store, CorrelationQuestion(span: span, host: "web", limit: 10))
        let texts: [String] = section.items.sorted { $0.at < $1.at }.map(\.text)
        #expect(texts.prefix(2) == [#"deploy from shop: {"version":"7"}"#, "deploy from shop"])
        #expect(texts.count == 3)
        #expect(texts.last?.hasSuffix(" …") == true)
        #expect(!section.isTruncated)
        let few: Section = try await Correlator.events(store, CorrelationQuestion(span: span, host: nil, limit: 2))
        #expect(few.items.count == 2)
        #expect(few.isTruncated)
    }
}
