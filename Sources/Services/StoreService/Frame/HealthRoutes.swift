import ConfigAPIServer
import Database
package import Declarations
import HTTPTypes
package import Hummingbird
package import Runtime

/// `/healthz`, `/readyz` and `/metrics`.
package struct HealthRoutes: RouteGroup {
    /// Throws a reason while the server should get no traffic.
    package typealias Check = @Sendable () async throws -> Void

    private let metrics: MetricsRegistry
    /// Whether anybody on the machine may read the metrics.
    private let areMetricsOpen: Bool
    private let checks: [(name: String, check: Check)]
    /// Checks that are told of, and keep no traffic away.
    private let warnings: [(name: String, check: Check)]
    private let details: @Sendable () async -> [String: JSONValue]
    private let timeout: Duration
    private let clock: any Clock<Duration>

    package init(
        metrics: MetricsRegistry, areMetricsOpen: Bool, checks: [(name: String, check: Check)],
        warnings: [(name: String, check: Check)] = [],
        details: @escaping @Sendable () async -> [String: JSONValue] = { [:] }, timeout: Duration = .seconds(2),
        clock: any Clock<Duration> = ContinuousClock()
    ) {
        self.metrics = metrics
        self.areMetricsOpen = areMetricsOpen
        self.checks = checks
        self.warnings = warnings
        self.details = details
        self.timeout = timeout
        self.clock = clock
    }

    package func add(to router: Router<ServerContext>) {
        // Alive means that this answers: without the database, or a supervisor would restart us when PostgreSQL is
        // away, which helps nobody.
        router.get("/healthz") { _, _ in Response.json(["status": "ok", "version": .string(RuntimeVersion.current)]) }
        router.get("/readyz") { _, _ in await readiness() }
        router.get("/metrics") { _, context in
            if !areMetricsOpen { _ = try context.requireScope(.query) }
            return Response.text(.ok, metrics.exposition, type: "text/plain; version=0.0.4; charset=utf-8")
        }
    }

    private func readiness() async -> Response {
        var results: [String: JSONValue] = [:]
        for (name, check) in checks { results[name] = await result(of: check) }
        let isReady: Bool = results.values.allSatisfy { $0 == "ok" }
        for (name, check) in warnings { results[name] = await result(of: check) }
        let isWell: Bool = results.values.allSatisfy { $0 == "ok" }
        let details: [String: JSONValue] = await self.details()
        return .json(
            isReady ? .ok : .serviceUnavailable,
            .object(compacting: [
                "status": isReady ? isWell ? "ready" : "degraded" : "not ready", "checks": .object(results),
                "details": details.isEmpty ? nil : .object(details),
            ]))
    }

    private func result(of check: @escaping Check) async -> JSONValue {
        do {
            try await withDeadline(check)
            return "ok"
        } catch { return .string("\(error)") }
    }

    /// A check that hangs is one that failed.
    private func withDeadline(_ check: @escaping Check) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await check() }
            group.addTask { [clock, timeout] in
                try await clock.sleep(for: timeout)
                throw CheckTimeout(timeout: timeout)
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}

private struct CheckTimeout: Error, CustomStringConvertible {
    let timeout: Duration
    var description: String { "no answer within \(timeout)" }
}
