import ConfigAPIServer
package import Hummingbird
import Logging
package import Runtime

/// Logs and counts each request, and gives its number back as `X-Request-Id`.
///
/// Paths are logged without their query: a login code is one. Headers and bodies never are.
package struct RequestLog: RouterMiddleware {
    package typealias Context = ServerContext

    private let instruments: AnswerInstruments
    private let clock: any Clock<Duration>

    package init(metrics: MetricsRegistry, clock: any Clock<Duration> = ContinuousClock()) {
        instruments = AnswerInstruments(metrics: metrics)
        self.clock = clock
    }

    @concurrent
    package func handle(
        _ request: Request, context: ServerContext,
        next: @concurrent (Request, ServerContext) async throws -> Response
    ) async throws -> Response {
        let start: ContinuousClock.Instant = .now
        var response: Response = try await next(request, context)
        let duration: Duration = .now - start
        response.headers[.requestID] = context.requestNumber
        response.headers[.contentTypeOptions] = "nosniff"
        record(request, context, response, duration)
        return response
    }

    private func record(_ request: Request, _ context: ServerContext, _ response: Response, _ duration: Duration) {
        // The route's pattern, not the path: paths are without number, label values must not be.
        let (count, seconds) = instruments.of(
            method: request.method, route: context.endpointPath ?? "none", status: response.status.code)
        count.increment()
        seconds.observe(duration)
        context.logger.log(
            level: response.status.kind == .serverError ? .warning : .debug, "answered",
            metadata: .of([
                .method: request.method.rawValue, .path: request.uri.path, .status: response.status.code,
                .duration: "\(duration.inMilliseconds)ms", .remote: context.remoteAddress ?? "-",
            ]))
    }
}
