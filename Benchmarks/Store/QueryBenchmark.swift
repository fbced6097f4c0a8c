import Declarations
import NIOCore

/// A question in PromQL, asked of every system through the same HTTP API.
struct BenchQuery: Sendable {
    var name: String
    var expressions: [String]
    /// Of a range query, in seconds; nil for an instant query at the end.
    var range: (seconds: Int64, step: Int64)?

    /// - Parameter end: the end of every range, in seconds since 1970.
    func urls(_ base: String, end: Int64, extra: String) -> [String] {
        expressions.map { expression in
            let query: String = Self.escaped(expression)
            guard let range else { return "\(base)/api/v1/query?query=\(query)&time=\(end)\(extra)" }
            return
                "\(base)/api/v1/query_range?query=\(query)&start=\(end - range.seconds)&end=\(end)&step=\(range.step)"
                + extra
        }
    }

    static func escaped(_ text: String) -> String {
        text.utf8.map { byte in
            let isPlain: Bool = (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
            return isPlain ? String(UnicodeScalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
    }

    /// About `fleet`, which has 24 hours and a little more.
    static func all(_ fleet: Fleet) -> [BenchQuery] {
        let host: String = fleet.host(fleet.hosts / 2)
        let day: (Int64, Int64) = (24 * 3600, 300)
        let fleetMatcher = "host=~\"\(fleet.name)-.*\""
        let page: [String] = (0..<12).map { place in
            let kind: SeriesKind = SeriesKind(place)
            let selector = "bench_\(kind.rawValue)_\(place / 5){host=\"\(host)\"}"
            return kind == .counter || kind == .seconds ? "rate(\(selector)[5m])" : selector
        }
        return [
            BenchQuery(
                name: "one series, 1 h by 1 min", expressions: ["bench_percent_0{host=\"\(host)\"}"], range: (3600, 60)),
            BenchQuery(name: "avg, 24 h by 5 min", expressions: ["avg(bench_percent_0{\(fleetMatcher)})"], range: day),
            BenchQuery(
                name: "avg of 5 min averages, 24 h",
                expressions: ["avg(avg_over_time(bench_percent_0{\(fleetMatcher)}[5m]))"], range: day),
            BenchQuery(
                name: "avg by host, 24 h by 5 min",
                expressions: ["avg by (host) (avg_over_time(bench_percent_0{\(fleetMatcher)}[5m]))"], range: day),
            BenchQuery(
                name: "rate by host, 24 h by 5 min",
                expressions: ["sum by (host) (rate(bench_counter_0{\(fleetMatcher)}[5m]))"], range: day),
            BenchQuery(
                name: "top 10 hosts over 24 h",
                expressions: ["topk(10, avg_over_time(bench_percent_0{\(fleetMatcher)}[24h]))"], range: nil),
            BenchQuery(name: "host page: 12 metrics, 24 h by 5 min", expressions: page, range: day),
        ]
    }
}

/// One system that answers PromQL.
struct QueryTarget: Sendable {
    var name: String
    var base: String
    var token: String?
    /// Added to each URL: VictoriaMetrics' `nocache=1`, so that it answers from its data, as the others do.
    var extra = ""

    struct Outcome: Sendable {
        var latencies: Measurement
        var answers: [JSONValue]
    }

    /// Asks until two and a half seconds or 40 rounds have gone by, after three that are not counted.
    func ask(_ query: BenchQuery, end: Int64) async throws -> Outcome {
        var latencies = Measurement()
        var answers: [JSONValue] = []
        let urls: [String] = query.urls(base, end: end, extra: extra)
        let deadline: ContinuousClock.Instant = .now + .milliseconds(2500)
        for round in 0..<43 where round < 6 || ContinuousClock.now < deadline {
            var sum: Duration = .zero
            var bodies: [ByteBuffer] = []
            for url in urls {
                let (body, took) = try await Sender.get(url, token: token)
                sum += took
                bodies.append(body)
            }
            if round >= 3 { latencies.latencies.append(sum) }
            if round == 0 { answers = try bodies.map { try JSONValue(parsing: Array($0.readableBytesView)) } }
        }
        return Outcome(latencies: latencies, answers: answers)
    }
}

/// What an answer of the Prometheus HTTP API holds.
struct AnswerPoints: Sendable {
    /// By the labels' text; each point as time and value.
    private var series: [String: [Double: Double]] = [:]

    init(_ answers: [JSONValue]) {
        for (place, answer) in answers.enumerated() {
            for element in answer["data"]?["result"]?.array ?? [] {
                let labels: [String: JSONValue] = (element["metric"]?.object ?? [:]).filter { $0.key != "__name__" }
                let key: String = "\(place) \(JSONValue.object(labels).canonicalText)"
                var points: [Double: Double] = [:]
                for point in element["values"]?.array ?? (element["value"].map { [$0] } ?? []) {
                    guard let pair = point.array, pair.count == 2, let value = pair[1].string.flatMap(Double.init)
                    else {
                        continue
                    }
                    points[pair[0].number ?? 0] = value
                }
                series[key] = points
            }
        }
    }

    /// What differs by more than rounding, in words; nil where nothing does. Counts of series and points always do.
    func difference(from other: AnswerPoints) -> String? {
        guard series.count == other.series.count else { return "\(series.count) series against \(other.series.count)" }
        var worst = 0.0
        for (key, points) in series {
            guard let others = other.series[key] else { return "no series \(key)" }
            if points.count != others.count { return "\(points.count) points against \(others.count) in \(key)" }
            for (time, value) in points {
                guard let theirs = others[time] else { return "no point at \(time) in \(key)" }
                worst = max(worst, abs(value - theirs) / max(abs(theirs), 1e-9))
            }
        }
        return worst > 1e-9 ? "values differ by up to \((worst * 100).text(4)) %" : nil
    }
}
