import Database
import Telemetry

extension Correlator {
    /// Log lines: the nearest before and after the moment, and those of the whole window that warn.
    static func logs(_ store: LogStore, _ question: CorrelationQuestion) async throws -> Section {
        let span: CorrelationSpan = question.span
        let share: Int = max(1, question.limit / 3)
        var before = LogQuery()
        (before.host, before.from, before.to, before.limit) = (question.host, span.from, span.time, share)
        var after: LogQuery = before
        (after.from, after.to, after.direction) = (span.time, span.to, .forward)
        var warnings: LogQuery = before
        (warnings.to, warnings.level) = (span.to, .warn)
        var lines: [LogQuery.Place: StoredLogLine] = [:]
        var isTruncated = false
        for query in [before, after, warnings] {
            let found: (lines: [StoredLogLine], hasMore: Bool) = try await store.search(query)
            for line in found.lines { lines[line.place] = line }
            isTruncated = isTruncated || found.hasMore
        }
        return Section(items: lines.values.map(TimelineItem.init), isTruncated: isTruncated)
    }
}

extension TimelineItem {
    /// Longer lines are cut: the page of logs has them whole.
    private static let longestMessage = 300

    fileprivate init(_ found: StoredLogLine) {
        let message: String = found.line.message
        let isCut: Bool = message.unicodeScalars.count > Self.longestMessage
        let shown: String = isCut ? String(message.unicodeScalars.prefix(Self.longestMessage)) + " …" : message
        let level: LogLevel = found.line.level
        self.init(
            at: found.line.time, kind: .log, text: "\(level.rawValue) \(found.origin.source): \(shown)",
            host: found.host, level: level == .error ? "bad" : level == .warn ? "warn" : "muted",
            link: "/logs?host=\(HostCard.encoded(found.host))"
                + "&from=\(HostCard.encoded((found.line.time - .minutes(1)).rfc3339))"
                + "&to=\(HostCard.encoded((found.line.time + .minutes(1)).rfc3339))")
    }
}
