import ConfigAPIServer
import Database
import Declarations
import HTTPTypes
import Hummingbird
import PromQL
import Runtime
import StoreService
import Telemetry

/// Prometheus' query API: `query` and `query_range`, by GET and POST.
struct PrometheusRoutes: RouteGroup {
    let engine: QueryEngine
    let clock: WallClock

    func add(to router: Router<ServerContext>) {
        let group = router.group("/api/v1", requiring: .query)
        for path in ["query", "query_range"] {
            let isRange: Bool = path == "query_range"
            group.get(RouterPath(path)) { request, _ in await answer(request, form: "", isRange: isRange) }
            group.post(RouterPath(path)) { request, _ in
                let form: [UInt8] = try await request.bytes(limit: PromQL.longestQuery * 4)
                return await answer(request, form: String(decoding: form, as: UTF8.self), isRange: isRange)
            }
        }
    }

    private func answer(_ request: Request, form: String, isRange: Bool) async -> Response {
        let parameters = QueryParameters(request.uri.query ?? "", form)
        do {
            guard let text = parameters["query"] else { throw BadParameter("query", "is missing") }
            let expression: Expression = try PromQL.parse(text)
            let range: QueryRange =
                isRange ? try self.range(parameters) : .instant(try parameters.time("time") ?? clock())
            var limits = QueryEngine.Limits()
            limits.time = try parameters.duration("timeout")?.duration ?? QueryEngine.longest
            let answer: QueryEngine.Answer = try await engine.answer(expression, over: range, limits: limits)
            return .json(bytes: PrometheusWriter.body(answer))
        } catch { return PrometheusJSON.response(to: error) }
    }

    private func range(_ parameters: QueryParameters) throws -> QueryRange {
        guard let start = try parameters.time("start") else { throw BadParameter("start", "is missing") }
        guard let end = try parameters.time("end") else { throw BadParameter("end", "is missing") }
        guard let step = try parameters.duration("step") else { throw BadParameter("step", "is missing") }
        return try QueryRange(from: start, through: end, step: step)
    }
}

/// A parameter that is missing or wrong.
struct BadParameter: Error, CustomStringConvertible {
    var description: String

    init(_ name: String, _ problem: String) { description = "invalid parameter \"\(name)\": \(problem)" }
}

/// The parameters of a query string and of a form; the form's win, as in Prometheus.
struct QueryParameters {
    private var values: [String: [String]] = [:]

    init(_ query: String, _ form: String = "") {
        for text in [query, form] {
            for (name, items) in Self.parsed(text) { values[name] = items }
        }
    }

    subscript(name: String) -> String? {
        get { values[name]?.first.flatMap { $0.isEmpty ? nil : $0 } }
        set { values[name] = newValue.map { [$0] } }
    }

    func all(_ name: String) -> [String] { values[name] ?? [] }

    /// The most items of an answer; nil where there is no limit, as in Prometheus also for 0.
    func limit() throws(BadParameter) -> Int? {
        guard let text = self["limit"] else { return nil }
        guard let limit = Int(text), limit >= 0 else { throw BadParameter("limit", "\"\(text)\" is no count") }
        return limit == 0 ? nil : limit
    }

    /// Seconds since 1970 with a fraction, or RFC 3339.
    func time(_ name: String) throws(BadParameter) -> Timestamp? {
        guard let text = self[name] else { return nil }
        if let time = Timestamp(rfc3339: text) { return time }
        // Beyond the year 30,000 either way is no time, and would overflow.
        guard let seconds = Double(text), seconds.magnitude < 9e11 else {
            throw BadParameter(name, "cannot parse \"\(text)\" to a valid timestamp")
        }
        return Timestamp(seconds: seconds)
    }

    /// A Prometheus duration, or seconds with a fraction.
    func duration(_ name: String) throws(BadParameter) -> PromDuration? {
        guard let text = self[name] else { return nil }
        if let span = PromDuration(text), span > .zero { return span }
        guard let seconds = Double(text), seconds.magnitude < 9e11 else {
            throw BadParameter(name, "cannot parse \"\(text)\" to a valid duration")
        }
        return PromDuration(milliseconds: Int64((seconds * 1000).rounded()))
    }

    /// `application/x-www-form-urlencoded`.
    private static func parsed(_ text: String) -> [String: [String]] {
        var values: [String: [String]] = [:]
        for pair in text.split(separator: "&") {
            let parts: [Substring] = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            values[decoded(parts[0]), default: []].append(parts.count > 1 ? decoded(parts[1]) : "")
        }
        return values
    }

    private static func decoded(_ text: Substring) -> String { percentDecoded(text, plusIsSpace: true) }

    /// `%2F` read as `/`; a per cent sign that begins no escape stays.
    static func percentDecoded(_ text: some StringProtocol, plusIsSpace: Bool) -> String {
        var output: [UInt8] = []
        let bytes: [UInt8] = Array(text.utf8)
        var position = 0
        while position < bytes.count {
            let byte: UInt8 = bytes[position]
            if byte == UInt8(ascii: "%"), position + 2 < bytes.count,
                let code = UInt8(String(decoding: bytes[(position + 1)...(position + 2)], as: UTF8.self), radix: 16)
            {
                output.append(code)
                position += 3
            } else {
                output.append(plusIsSpace && byte == UInt8(ascii: "+") ? 0x20 : byte)
                position += 1
            }
        }
        return String(decoding: output, as: UTF8.self)
    }
}
