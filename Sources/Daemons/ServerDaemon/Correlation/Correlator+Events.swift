import Database
import Declarations
import Pipelines
import Telemetry

extension Correlator {
    /// What applications said has happened. Events that belong to no host are told for every one.
    static func events(_ store: EventStore, _ question: CorrelationQuestion) async throws -> Section {
        let span: CorrelationSpan = question.span
        let half: Int = max(1, question.limit / 2)
        var items: [TimelineItem] = []
        var isTruncated = false
        for (from, to) in [(span.from, span.time), (span.time, span.to)] {
            let found: [StoredEvent] = try await store.events(EventQuery(from: from, to: to), limit: half + 1)
            isTruncated = isTruncated || found.count > half
            items += found.prefix(half).map(\.event)
                .filter { question.host == nil || $0.host == nil || $0.host == question.host }
                .map(TimelineItem.init(event:))
        }
        return Section(items: items, isTruncated: isTruncated)
    }
}

extension TimelineItem {
    private static let longestPayload = 160

    init(event: Event) {
        let payload: String = event.payload.canonicalText
        let isCut: Bool = payload.unicodeScalars.count > Self.longestPayload
        let shown: String =
            isCut
            ? String(String.UnicodeScalarView(payload.unicodeScalars.prefix(Self.longestPayload))) + " …" : payload
        self.init(
            at: event.time, kind: .event,
            text: "\(event.type) from \(event.source)" + (payload == "{}" ? "" : ": \(shown)"), host: event.host)
    }
}
