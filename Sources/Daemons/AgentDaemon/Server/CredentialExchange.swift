import AsyncHTTPClient
import Declarations
import NIOHTTP1
import Runtime
import Telemetry

/// The two requests that need no token: an enrolment token for a secret, a secret for a token.
struct CredentialExchange: Sendable {
    struct Given: Hashable, Sendable {
        var host: String
        var token: String
        var lifetime: Duration
    }

    let http: HTTPClient
    let base: String
    let timeout: Duration
    let now: @Sendable () -> Timestamp

    /// The next token for a secret.
    func token(for credential: AgentCredential) async throws(ServerError) -> Given {
        try await ask("/v1/agent/token", ["secret": .string(credential.secret)])
    }

    /// Exchanges a one-time token for a secret that is made here, and keeps it at `path`. It is written down before it is
    /// used, so that a lost answer or a crash costs nothing: the same token with the same secret is taken again.
    func enrol(host: String, enrolmentFile: String, keeping path: String) async throws(ServerError) -> Given {
        let enrolment: String
        let credential: AgentCredential
        let pending = "\(path).pending"
        do throws(FileError) {
            enrolment = try TokenFile(path: enrolmentFile).token()
            if let begun = try AgentCredential(reading: pending), begun.host == host {
                credential = begun
            } else {
                credential = AgentCredential(host: host)
                try credential.write(to: pending)
            }
        } catch { throw .local(error) }
        let given: Given = try await ask(
            "/v1/agent/enrol",
            ["enrolment": .string(enrolment), "secret": .string(credential.secret), "host": .string(host)])
        do throws(FileError) {
            try credential.write(to: path)
            try Files.removeTree(pending)
        } catch { throw .local(error) }
        return given
    }

    private func ask(_ path: String, _ body: JSONValue) async throws(ServerError) -> Given {
        let answer: ServerAnswer = try await ServerClient.execute(
            ServerRequest(.POST, path, body: body.canonical, timeout: timeout), token: nil, http: http, base: base,
            now: now)
        guard (200..<300).contains(answer.status) else { throw .refused(answer) }
        guard let json = try? JSONValue(parsing: answer.body), let host = json["host"]?.string,
            let token = json["token"]?.string, let seconds = json["expiresInSeconds"]?.integer, seconds > 0
        else { throw .malformed("the answer to \(path)", "expected host, token and expiresInSeconds") }
        return Given(host: host, token: token, lifetime: .seconds(min(seconds, 400 * 86_400)))
    }
}
