import Assets
import ConfigAPI
import ConfigAPIServer
import Database
import Declarations
import HTTPTypes
import Hummingbird
import Runtime
import StoreService
import Telemetry

/// The pages, rendered here; they need a session, their style and script do not.
struct DashboardRoutes: RouteGroup {
    let data: DashboardData
    let clock: WallClock
    private let pages: Pages

    /// `warning` is shown on top of every page while there is one.
    init(
        data: DashboardData, clock: @escaping WallClock, warning: @escaping @Sendable () -> String? = { nil }
    ) throws {
        self.data = data
        self.clock = clock
        pages = try Pages(warning: warning)
    }

    private static let fleetSpan = PromDuration.minutes(30)
    private static let hostSpan = PromDuration.hours(1)

    func add(to router: Router<ServerContext>) {
        router.group("/", requiring: .query)
            .get { _, _ in try await fleet() }
            .get("hosts/:host") { _, context in try await host(try context.parameters.require("host")) }
            .get("logs") { request, _ in try await logs(request) }
            .get("events") { _, _ in try await events() }
            .get("drift") { _, _ in try await drift() }
            .get("drift/:id") { _, context in try await report(try context.parameters.require("id")) }
            .get("plans") { _, _ in try await plans() }
            .get("config") { _, _ in try await config() }
            .get("around") { request, _ in try await around(QueryParameters(request.uri.query ?? "")) }
        for asset in Assets.dashboard {
            let name = String(asset.path.split(separator: "/").last ?? "")
            guard let type = Pages.mediaType(of: name) else { continue }
            router.get(RouterPath("/assets/\(name)")) { _, _ in
                Response(
                    status: .ok, headers: [.contentType: type, .cacheControl: "public, max-age=300"],
                    body: ResponseBody(byteBuffer: ByteBuffer(string: asset.contents)))
            }
        }
    }

    private func fleet() async throws -> Response {
        let now: Timestamp = clock()
        async let hosts: [KnownHost] = data.hosts()
        async let alerts: [DashboardAlert] = data.alerts()
        async let reports: [JSONValue] = data.reports(50)
        async let charts: [[String: [Double?]]] = charts(HostChart.fleet, host: nil, span: Self.fleetSpan, now: now)
        let view = FleetView(
            hosts: try await hosts, alerts: try await alerts, reports: try await reports, charts: await charts, now: now
        )
        return pages.page("Fleet", "fleet", view, now: now)
    }

    private func host(_ name: String) async throws -> Response {
        let name: String = name.removingPercentEncoding() ?? name
        guard let host = try await data.hosts().first(where: { $0.name == name }) else {
            throw HTTPProblem(.notFound, "no host \"\(name)\" ever reported, and no HostGroup expects it")
        }
        let now: Timestamp = clock()
        let charts: [[String: [Double?]]] = await charts(HostChart.detail, host: name, span: Self.hostSpan, now: now)
        return pages.page(name, "host", HostView(host, charts: charts, span: Self.hostSpan, now: now), now: now)
    }

    /// A search that makes no sense gives the page with what is wrong, so that it can be mended there.
    private func logs(_ request: Request) async throws -> Response {
        let now: Timestamp = clock()
        let parameters = QueryParameters(request.uri.query ?? "")
        var view = LogsView(parameters)
        do {
            let query: LogQuery = try LogsView.query(parameters, now: now)
            let found: (lines: [StoredLogLine], hasMore: Bool) = try await data.logs(query)
            view.show(found.lines, hasMore: found.hasMore, query)
        } catch let problem as BadParameter {
            view.problem = problem.description
        } catch let problem as HTTPProblem {
            view.problem = problem.message
        }
        return pages.page("Logs", "logs", view, now: now)
    }

    private func events() async throws -> Response {
        let now: Timestamp = clock()
        return pages.page("Events", "events", EventsView(try await data.events(now), now: now), now: now)
    }

    private func drift() async throws -> Response {
        let now: Timestamp = clock()
        let reports: [ReportView] = try await data.reports(100).map {
            ReportView($0, now: now, mostChanges: 20, showsNewFields: false)
        }
        return pages.page("Drift", "drift", DriftView(heading: "Drift reports", reports: reports), now: now)
    }

    private func report(_ id: String) async throws -> Response {
        guard let report = try await data.report(id) else { throw HTTPProblem(.notFound, "there is no report \(id)") }
        let now: Timestamp = clock()
        let whole = ReportView(report, now: now, mostChanges: 10_000, showsNewFields: true)
        let view = DriftView(heading: "Report \(id)", reports: [whole])
        return pages.page("Report", "drift", view, now: now)
    }

    private func plans() async throws -> Response {
        let now: Timestamp = clock()
        return pages.page("Plans", "plans", PlansView(try await data.plans(), now: now), now: now)
    }

    private func config() async throws -> Response {
        let snapshot: ConfigSnapshot = try await data.config()
        return pages.page("Config", "config", ConfigView(snapshot), now: clock())
    }

    private func around(_ parameters: QueryParameters) async throws -> Response {
        let now: Timestamp = clock()
        let correlation: Correlation = await data.around(try CorrelationQuestion(parameters, now: now))
        return pages.page("Around a moment", "around", AroundView(correlation), now: now, isLive: false)
    }

    /// One row of values per chart; a chart that cannot be read is empty, and the page still comes.
    private func charts(
        _ charts: [HostChart], host: String?, span: PromDuration, now: Timestamp
    ) async -> [[String: [Double?]]] {
        let step = PromDuration(milliseconds: max(1000, span.milliseconds / 120))
        let end: Timestamp = now.floored(to: step)
        var rows: [[String: [Double?]]] = []
        for chart in charts {
            rows.append((try? await data.chart(chart.query(host: host), end - span, end, step)) ?? [:])
        }
        return rows
    }
}

extension String {
    /// The text with `%41` read as `A`; nil where that is not UTF-8.
    fileprivate func removingPercentEncoding() -> String? {
        var output: [UInt8] = []
        var rest: ArraySlice<UInt8> = Array(utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%"), rest.count >= 2,
                let code = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            else {
                output.append(byte)
                continue
            }
            output.append(code)
            rest.removeFirst(2)
        }
        return String(validating: output, as: UTF8.self)
    }
}
