import ConfigAPIServer
import Database
import Declarations
import HTTPTypes
import Hummingbird
import PromQL
import Runtime
import StoreService
import Telemetry

/// `GET /api/v1/metrics/query?name&host&labels&bucket&agg&from&to&by`: time-bucketed aggregation without PromQL.
struct BucketRoutes: RouteGroup {
    let load: @Sendable ([Selection]) async throws -> [[SeriesData]]
    let clock: WallClock

    private static let mostBuckets: Int64 = 11_000

    func add(to router: Router<ServerContext>) {
        router.group("/api/v1/metrics", requiring: .query).get("query") { request, _ in
            do { return Response.json(try await answer(QueryParameters(request.uri.query ?? ""))) } catch let error
                as BadParameter
            {
                throw HTTPProblem(.badRequest, error.description)
            }
        }
    }

    private func answer(_ parameters: QueryParameters) async throws -> JSONValue {
        guard let name = parameters["name"] else { throw BadParameter("name", "is missing") }
        let width: Bucketing.Width = try choice("bucket", parameters, default: .minute)
        let aggregation: Bucketing.Aggregation = try choice("agg", parameters, default: .avg)
        let to: Timestamp = try parameters.time("to") ?? clock()
        let from: Timestamp = try parameters.time("from") ?? to - .hours(1)
        guard from < to else { throw BadParameter("from", "\(from) is not before \(to)") }
        guard (to - from).milliseconds / width.span.milliseconds <= Self.mostBuckets else {
            throw BadParameter(
                "bucket", "more than \(Self.mostBuckets) buckets of \(width.rawValue) between from and to")
        }
        let groupBy = Set(parameters.all("by").flatMap { $0.split(separator: ",").map(String.init) })
        let bucketing = Bucketing(
            width: width, aggregation: aggregation, groupBy: groupBy.isEmpty ? ["host"] : groupBy)
        let groups: [Bucketing.Group] = try await self.groups(
            bucketing,
            Selection(
                matchers: try matchers(name, parameters), after: from.milliseconds, through: to.milliseconds,
                buckets: bucketing.use(from: from, to: to)))
        return [
            "name": .string(name), "bucket": .string(width.rawValue), "agg": .string(aggregation.rawValue),
            "from": .time(from), "to": .time(to),
            "groups": .array(
                groups.map { group in
                    [
                        "labels": group.labels.dictionary.json,
                        "points": .array(group.points.map { ["time": .time($0.time), "value": .number($0.value)] }),
                    ]
                }),
        ]
    }

    /// From rollups where they can answer, else from samples.
    private func groups(_ bucketing: Bucketing, _ selection: Selection) async throws -> [Bucketing.Group] {
        let series: [SeriesData] = try await load([selection]).first ?? []
        guard series.contains(where: { $0.buckets != nil }) else { return bucketing.aggregate(series) }
        if let groups = bucketing.aggregate(buckets: series) { return groups }
        var samples: Selection = selection
        samples.buckets = nil
        return bucketing.aggregate(try await load([samples]).first ?? [])
    }

    /// `labels=cpu=0,mode=idle`: equality of each.
    private func matchers(_ name: String, _ parameters: QueryParameters) throws -> [Matcher] {
        var matchers: [Matcher] = [.equal(metricNameLabel, name)]
        if let host = parameters["host"] { matchers.append(.equal("host", host)) }
        for pair in (parameters["labels"] ?? "").split(separator: ",") {
            let parts: [Substring] = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty else {
                throw BadParameter("labels", "expected NAME=VALUE,NAME=VALUE, got \"\(pair)\"")
            }
            matchers.append(.equal(String(parts[0]), String(parts[1])))
        }
        return matchers
    }

    private func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ name: String, _ parameters: QueryParameters, default fallback: Choice
    ) throws -> Choice {
        guard let text = parameters[name] else { return fallback }
        guard let choice = Choice(rawValue: text) else {
            let known: String = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw BadParameter(name, "expected one of \(known), got \"\(text)\"")
        }
        return choice
    }
}
