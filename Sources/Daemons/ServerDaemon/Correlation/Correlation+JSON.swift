import Declarations
import Telemetry

extension Correlation {
    var json: JSONValue {
        let span: CorrelationSpan = question.span
        return .object(compacting: [
            "version": 1, "time": .time(span.time), "window": .string(span.window.description),
            "from": .time(span.from), "to": .time(span.to), "baselineFrom": .time(span.baselineFrom),
            "host": question.host.map(JSONValue.string), "timeline": .array(timeline.map(\.json)),
            "sources": .object(Dictionary(uniqueKeysWithValues: sections.map { ($0.key.rawValue, $0.value.json) })),
            "metrics": .object(compacting: [
                "moves": .array(moves.map(\.json)), "sources": .array(sources.map(\.json)),
                "moved": .integer(movedCount),
                "seriesLooked": .integer(seriesLooked), "series": .integer(seriesCount),
                "truncated": .bool(seriesLooked < seriesCount || moves.count < movedCount),
                "error": metricsError.map(JSONValue.string),
            ]),
        ])
    }
}

extension Section {
    fileprivate var json: JSONValue {
        .object(compacting: [
            "count": .integer(items.count), "truncated": .bool(isTruncated), "error": error.map(JSONValue.string),
        ])
    }
}

extension SourceMove {
    /// `all 40 series of cpu on web-1 are new`.
    var text: String { "all \(series) series of \(producer) on \(host) \(kind == .appeared ? "are new" : "ended")" }

    fileprivate var json: JSONValue {
        [
            "host": .string(host), "producer": .string(producer), "kind": .string(kind.rawValue),
            "series": .integer(series),
        ]
    }
}

extension MetricMove {
    var name: String { labels["__name__"] ?? "" }

    fileprivate var json: JSONValue {
        .object(compacting: [
            "metric": .string(name), "labels": labels.removing(["__name__"]).dictionary.json,
            "kind": .string(kind.rawValue), "before": before.flatMap(Self.number),
            "during": during.flatMap(Self.number),
            "rate": .bool(isRate), "score": .number(score),
        ])
    }

    private static func number(_ value: Double) -> JSONValue? { value.isFinite ? .number(value) : nil }
}
