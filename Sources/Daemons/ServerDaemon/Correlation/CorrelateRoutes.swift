import ConfigAPIServer
import HTTPTypes
import Hummingbird
import Runtime
import StoreService
import Telemetry

/// `GET /api/v1/correlate?time=&window=&host=&limit=`: everything around one moment.
struct CorrelateRoutes: RouteGroup {
    let correlator: Correlator
    let clock: WallClock

    func add(to router: Router<ServerContext>) {
        router.group("/api/v1/correlate", requiring: .query)
            .get { request, _ in
                let question = try CorrelationQuestion(QueryParameters(request.uri.query ?? ""), now: clock())
                return Response.json(await correlator.answer(question).json)
            }
    }
}

extension CorrelationQuestion {
    /// Reads the parameters; 400 where one is wrong. Without a time it is about now.
    init(_ parameters: QueryParameters, now: Timestamp) throws(HTTPProblem) {
        do throws(BadParameter) {
            let window: PromDuration = try parameters.duration("window") ?? Self.defaultWindow
            guard window >= .seconds(10), window <= Self.longestWindow else {
                throw BadParameter("window", "is from 10s to \(Self.longestWindow), got \(window)")
            }
            self.init(
                span: CorrelationSpan(time: try parameters.time("time") ?? now, window: window),
                host: parameters["host"], limit: min(max(1, try parameters.limit() ?? 50), 500))
        } catch { throw HTTPProblem(.badRequest, error.description) }
    }
}
