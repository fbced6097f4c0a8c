import Database
import Declarations
import Telemetry

/// The page of log lines: a search form, what it found, the newest first, and the way to older ones.
struct LogsView {
    var text: String
    var host: String
    var source: String
    var path: String
    var from: String
    var to: String
    var levels: [Level]
    var problem: String?
    var count = ""
    var lines: [Line] = []
    var hasLines = false
    var older: String?
    var newest: String?

    struct Level {
        var value: String
        var label: String
        var isSelected: Bool
    }

    struct Line {
        var time: String
        var host: String
        var hostLink: String
        var source: String
        var level: String
        var `class`: String
        var message: String
        /// The beginning of the details, for people.
        var summary: String
        var details: String?
    }

    private static let linesPerPage = 200

    /// The form as it was filled in.
    init(_ parameters: QueryParameters) {
        text = parameters["text"] ?? ""
        host = parameters["host"] ?? ""
        source = parameters["source"] ?? ""
        path = parameters["path"] ?? ""
        from = parameters["from"] ?? ""
        to = parameters["to"] ?? ""
        let chosen: LogLevel? = parameters["level"].flatMap { LogLevel(alias: $0) }
        levels =
            [Level(value: "", label: "any", isSelected: chosen == nil)]
            + LogLevel.allCases.dropFirst().map {
                Level(value: $0.rawValue, label: $0.rawValue, isSelected: chosen == $0)
            }
        newest = parameters["cursor"] == nil ? nil : Self.link(parameters, cursor: nil, from: nil, to: nil)
    }

    /// The search that the form asks for. `from` and `to` can also be spans before now, as `15m`.
    static func query(_ parameters: QueryParameters, now: Timestamp) throws -> LogQuery {
        var resolved: QueryParameters = parameters
        for name in ["from", "to"] {
            guard let span = parameters[name].flatMap({ PromDuration($0) }), span > .zero else { continue }
            resolved[name] = (now - span).rfc3339
        }
        if resolved["limit"] == nil { resolved["limit"] = "\(linesPerPage)" }
        return try LogSearch.query(resolved)
    }

    mutating func show(_ found: [StoredLogLine], hasMore: Bool, _ query: LogQuery) {
        count = found.isEmpty ? "" : "\(found.count)\(hasMore ? " of more" : "")"
        lines = found.map(Self.line)
        hasLines = !lines.isEmpty
        guard hasMore, let last = found.last else { return }
        // With the times as they were understood: a span before now is another one later.
        older = Self.link(
            text: text, host: host, source: source, path: path, level: levels.first(where: \.isSelected)?.value ?? "",
            from: query.from?.rfc3339 ?? "", to: query.to?.rfc3339 ?? "", cursor: LogCursor.text(of: last.place, query))
    }

    private static func line(_ stored: StoredLogLine) -> Line {
        var details: [String: JSONValue] = (try? JSONValue(parsing: stored.line.fields))?.object ?? [:]
        if !stored.origin.path.isEmpty { details["path"] = .string(stored.origin.path) }
        for pair in stored.origin.labels.pairs { details[pair.name] = .string(pair.value) }
        return Line(
            time: Timestamp(milliseconds: stored.line.time.milliseconds).rfc3339, host: stored.host,
            hostLink: "/hosts/\(HostCard.encoded(stored.host))",
            source: stored.origin.source, level: stored.line.level.rawValue, class: style(of: stored.line.level),
            message: stored.line.message, summary: summary(details),
            details: details.isEmpty ? nil : JSONValue.object(details).canonicalText)
    }

    private static let longestSummary = 140

    private static func summary(_ details: [String: JSONValue]) -> String {
        let pairs: [String] = details.sorted { $0.key < $1.key }.map { name, value in
            "\(name)=\(value.string ?? value.canonicalText)"
        }
        let text: String = pairs.joined(separator: " ")
        return text.count > longestSummary ? text.prefix(longestSummary) + "…" : text
    }

    private static func style(of level: LogLevel) -> String {
        switch level {
        case .error: "bad"
        case .warn: "warn"
        case .info, .debug: ""
        }
    }

    private static func link(_ parameters: QueryParameters, cursor: String?, from: String?, to: String?) -> String {
        link(
            text: parameters["text"] ?? "", host: parameters["host"] ?? "", source: parameters["source"] ?? "",
            path: parameters["path"] ?? "", level: parameters["level"] ?? "", from: from ?? "", to: to ?? "",
            cursor: cursor ?? "")
    }

    private static func link(
        text: String, host: String, source: String, path: String, level: String, from: String, to: String,
        cursor: String
    ) -> String {
        let pairs: [(String, String)] = [
            ("text", text), ("host", host), ("source", source), ("path", path), ("level", level), ("from", from),
            ("to", to), ("cursor", cursor),
        ]
        let query: [String] = pairs.filter { !$0.1.isEmpty }.map { "\($0.0)=\(HostCard.encoded($0.1))" }
        return "/logs" + (query.isEmpty ? "" : "?" + query.joined(separator: "&"))
    }
}
