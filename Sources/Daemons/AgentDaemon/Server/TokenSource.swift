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
    /// A file with a one-time enrolment token, for an agent that has no secret yet, or one that is refused and older.
    private let enrolmentFile: String?
    private let elapsed: @Sendable () -> Duration
    private var held: Held?
    private typealias Renewal = Result<Held, ServerError>
    /// Who waits for the request that is under way; none where none is.
    private var waiting: [AsyncStream<Renewal>.Continuation] = []

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

    /// One request for all who need a token. Whoever is cancelled meanwhile waits no longer.
    private func renewed() async -> Renewal {
        let (results, waiter) = AsyncStream.makeStream(of: Renewal.self)
        waiting.append(waiter)
        // Not a child of whoever asks first: the others need it too when that one is cancelled.
        if waiting.count == 1 { Task { await self.renew() } }
        for await result in results { return result }
        return .failure(.unreachable("nobody waits for a token any more"))
    }

    private func renew() async {
        let result: Renewal = await exchangeNow()
        if case .success(let fresh) = result { held = fresh }
        for waiter in waiting {
            waiter.yield(result)
            waiter.finish()
        }
        waiting = []
    }

    private func exchangeNow() async -> Renewal {
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
        if let known {
            do { return try await exchange.token(for: known) } catch {
                guard case .refused(let answer) = error, answer.status == 401, isEnrolmentNewer else { throw error }
            }
        }
        guard let enrolmentFile else {
            throw .local(
                FileError(
                    path: path, operation: "find",
                    reason: "this agent has neither a token file nor a secret: run plumb-agent enrol"))
        }
        return try await exchange.enrol(host: host, enrolmentFile: enrolmentFile, keeping: path)
    }

    /// Whether somebody put a one-time token there after the secret was got. The one that this secret was got with stays
    /// where it is, and is no reason to ask again.
    private var isEnrolmentNewer: Bool {
        guard let enrolmentFile, let enrolment = try? FileStamp(of: enrolmentFile),
            let secret = try? FileStamp(of: path)
        else { return false }
        return enrolment.changedAt > secret.changedAt
    }
}
