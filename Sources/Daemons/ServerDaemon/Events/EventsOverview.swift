import Database
import Telemetry

/// What the page of events is made of.
struct EventsOverview: Sendable {
    /// Per day and source.
    var bySource: [EventCount] = []
    /// Over the whole span.
    var byType: [EventCount] = []
    var freshness: [EventFreshness] = []
    /// The most frequent values of `domain` in payloads.
    var domains: [(value: String, count: Int)] = []
    var pipelines: [PipelineState] = []
    var deadLetters: [DeadLetterRecord] = []

    /// Days that the page shows.
    static let days = 14

    init() {}

    /// Reads everything.
    init(events: EventStore, pipelines store: PipelineStore, now: Timestamp) async throws {
        let end: Timestamp = now + .days(1)
        let query = EventQuery(from: (now - .days(Int64(Self.days - 1))).floored(to: .days(1)), to: end)
        bySource = try await events.counts(query, by: .source, bucket: .days(1))
        byType = try await events.counts(query, by: .type, bucket: .days(36_500))
        freshness = try await events.freshness(query)
        domains = try await events.top(query, payloadMember: "domain", limit: 10)
        pipelines = try await store.states()
        deadLetters = try await store.deadLetters(of: nil, limit: 20)
    }
}
