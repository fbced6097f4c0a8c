import ConfigAPIServer
import Database
import Declarations
import HTTPTypes
import Hummingbird
import PromQL
import Telemetry

/// The response forms of Prometheus' HTTP API (prometheus.io/docs/prometheus/latest/querying/api).
enum PrometheusJSON {
    /// With Prometheus' `infos` and `warnings` where there are any.
    static func success(_ data: JSONValue, notes: [String] = [], warnings: [String] = []) -> JSONValue {
        var members: [String: JSONValue] = ["status": "success", "data": data]
        if !notes.isEmpty { members["infos"] = .array(notes.map(JSONValue.string)) }
        if !warnings.isEmpty { members["warnings"] = .array(warnings.map(JSONValue.string)) }
        return .object(members)
    }

    static func failure(_ type: String, _ message: String) -> JSONValue {
        ["status": "error", "errorType": .string(type), "error": .string(message)]
    }

    /// The answer to a question that has none, with the status that Prometheus gives.
    static func response(to error: any Error) -> Response {
        switch error {
        case let error as BadParameter: .json(.badRequest, failure("bad_data", error.description))
        case let error as PromQLError: response(to: error)
        case let error as DatabaseError where error.isStatementTimeout:
            .json(.serviceUnavailable, failure("timeout", "reading took too long"))
        default: .json(.serviceUnavailable, failure("internal", "\(error)"))
        }
    }

    private static func response(to error: PromQLError) -> Response {
        switch error.kind {
        case .syntax, .limit: .json(.badRequest, failure("bad_data", error.description))
        case .execution: .json(.unprocessableContent, failure("execution", error.description))
        case .cancelled: .json(.serviceUnavailable, failure("timeout", error.description))
        }
    }

    static func data(_ result: QueryResult) -> JSONValue {
        switch result {
        case .scalar(let sample): ["resultType": "scalar", "result": json(sample)]
        case .string(let time, let text): ["resultType": "string", "result": [seconds(time), .string(text)]]
        case .vector(let elements):
            [
                "resultType": "vector",
                "result": .array(elements.map { ["metric": $0.labels.dictionary.json, "value": json($0.sample)] }),
            ]
        case .matrix(let series):
            [
                "resultType": "matrix",
                "result": .array(
                    series.map {
                        ["metric": $0.labels.dictionary.json, "values": .array($0.samples.map(json))]
                    }),
            ]
        }
    }

    private static func json(_ sample: Sample) -> JSONValue { [seconds(sample.time), .string(text(sample.value))] }

    private static func seconds(_ time: Timestamp) -> JSONValue { .number(Double(time.milliseconds) / 1000) }

    /// Values are strings, because JSON has no NaN and no infinity.
    static func text(_ value: Double) -> String { promNumber(value) }
}
