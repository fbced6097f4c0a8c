import HostSystem
import Runtime

/// Where the token of a request comes from.
protocol TokenSource: Sendable {
    /// The token to send with a request.
    func token() async throws(ServerError) -> String
    /// Forgets `token`: the server refused it.
    func refused(_ token: String) async
}

/// A file that somebody else keeps.
struct FileTokenSource: TokenSource {
    let file: TokenFile

    func token() async throws(ServerError) -> String {
        do { return try file.token() } catch { throw .local(error) }
    }

    func refused(_ token: String) async { file.invalidate() }
}

/// Tokens of an hour that the agent gets for its secret. Each is renewed when two thirds of its life are over, so a
/// server that is away for a while is no reason for a refusal; time is that of the clock that only runs, so setting the
/// host's clock is none either.
actor EnrolledTokenSource: TokenSource {
    private struct Held {
        var token: String
        var renewAt: Duration
        var endsAt: Duration
    }

    private let exchange: CredentialExchange
    private let path: String
    private let host: String
    /// A file with a one-time enrolment token, for an agent that has no secret yet.
    private let enrolmentFile: String?
    private let elapsed: @Sendable () -> Duration
    private var held: Held?
    /// The request that is under way; all who need a token wait for it.
    private var renewal: Task<Result<Held, ServerError>, Never>?

    init(
        exchange: CredentialExchange, stateDirectory: String, host: String, enrolmentFile: String?,
        clock: any Clock<Duration>
    ) {
        self.exchange = exchange
        path = AgentCredential.path(in: stateDirectory)
        self.host = host
        self.enrolmentFile = enrolmentFile
        elapsed = clock.stopwatch()
    }

    func token() async throws(ServerError) -> String {
        if let held, elapsed() < held.renewAt { return held.token }
        switch await renewed() {
        case .success(let fresh): return fresh.token
        case .failure(let error):
            // The one before holds for a while yet.
            if let held, elapsed() < held.endsAt { return held.token }
            throw error
        }
    }

    func refused(_ token: String) {
        if held?.token == token { held = nil }
    }

    private func renewed() async -> Result<Held, ServerError> {
        if let renewal { return await renewal.value }
        // Not a child of whoever asks first: the others need it too when that one is cancelled.
        let task = Task { await self.exchangeNow() }
        renewal = task
        let result: Result<Held, ServerError> = await task.value
        renewal = nil
        if case .success(let fresh) = result { held = fresh }
        return result
    }

    private func exchangeNow() async -> Result<Held, ServerError> {
        do throws(ServerError) {
            let start: Duration = elapsed()
            let given: CredentialExchange.Given = try await give()
            return .success(
                Held(
                    token: given.token, renewAt: start + given.lifetime * 2 / 3, endsAt: start + given.lifetime))
        } catch { return .failure(error) }
    }

    private func give() async throws(ServerError) -> CredentialExchange.Given {
        let known: AgentCredential?
        do { known = try AgentCredential(reading: path) } catch { throw .local(error) }
        if let known { return try await exchange.token(for: known) }
        guard let enrolmentFile else {
            throw .local(
                FileError(
                    path: path, operation: "find",
                    reason: "this agent has neither a token file nor a secret: run plumb-agent enrol"))
        }
        return try await exchange.enrol(host: host, enrolmentFile: enrolmentFile, keeping: path)
    }
}
