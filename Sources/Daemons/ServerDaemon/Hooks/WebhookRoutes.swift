package import ConfigAPIServer
import Declarations
import HTTPTypes
package import Hummingbird
package import Runtime
package import StoreService
import Telemetry

/// `POST /hooks/git`: passes a forge's webhook on to whoever follows the events, so that gitops-sync needs no port that
/// others can reach. Nothing in the body is believed.
package struct WebhookRoutes: RouteGroup {
    /// The secret's name in the secrets folder: `plumb secret set git-webhook`.
    static let secretName = "git-webhook"

    private let secrets: Secrets
    private let tell: @Sendable (LookSignals.Reason) async -> Void
    private let metrics: MetricsRegistry
    private let now: WallClock

    package init(
        secrets: Secrets, metrics: MetricsRegistry, now: @escaping WallClock,
        tell: @escaping @Sendable (LookSignals.Reason) async -> Void
    ) {
        self.secrets = secrets
        self.tell = tell
        self.metrics = metrics
        self.now = now
    }

    package func add(to router: Router<ServerContext>) {
        router.post("/hooks/git") { request, context in
            do {
                try await check(request, context)
            } catch {
                count("refused")
                throw error
            }
            count("taken")
            await tell(.git)
            return Response.json(.accepted, ["status": "passed on"])
        }
    }

    private func check(_ request: Request, _ context: ServerContext) async throws {
        let secret: WebhookSecret?
        do throws(SecretError) { secret = WebhookSecret(try secrets.value(Self.secretName)) } catch {
            guard case .missing = error.reason else {
                throw HTTPProblem(.serviceUnavailable, "the webhook's secret cannot be read: \(error)")
            }
            secret = nil
        }
        guard let secret else {
            guard ListenAddress(host: context.remoteAddress ?? "", port: 0).isLoopback else {
                throw HTTPProblem(
                    .forbidden,
                    "only this machine may ask without a secret; set one: plumb secret set "
                        + "\(Self.secretName)")
            }
            return
        }
        let body: [UInt8] = try await request.bytes(limit: WebhookSecret.bodyLimit)
        let headers: HTTPFields = request.headers
        let objection: String? = secret.objection(
            header: { name in HTTPField.Name(name).flatMap { headers[$0] } }, body: body, now: now())
        if let objection { throw HTTPProblem(.unauthorized, objection) }
    }

    private func count(_ result: String) {
        metrics.counter("plumb_webhooks_total", "Webhooks of git, by what became of them.", labels: ["result": result])
            .increment()
    }
}
