import ConfigAPIServer
import Database
import Declarations
import Telemetry
import TestSupport
import Testing

@Suite struct CredentialTests {
    private static let secret = String(repeating: "ab", count: 32)
    private static let another = String(repeating: "cd", count: 32)

    private func enrolment(
        _ server: RunningServer, host: String = "web-1", for span: String = "1h"
    ) async throws
        -> String
    {
        let made = try await server.send(
            "POST", "/api/v1/enrolments", as: [.admin], body: ["host": .string(host), "for": .string(span)])
        try #require(made.status == 201, "\(made.text)")
        return try #require(made.json?["token"]?.string)
    }

    private func enrol(
        _ server: RunningServer, _ token: String, secret: String = Self.secret, host: String = "web-1"
    ) async throws -> RunningServer.Answer {
        try await server.send(
            "POST", "/v1/agent/enrol",
            body: ["enrolment": .string(token), "secret": .string(secret), "host": .string(host)])
    }

    private func renew(_ server: RunningServer, _ secret: String = Self.secret) async throws -> RunningServer.Answer {
        try await server.send("POST", "/v1/agent/token", body: ["secret": .string(secret)])
    }

    private func config(_ server: RunningServer, token: String?) async throws -> Int {
        try await server.send(
            "GET", "/v1/agent/config", headers: ["Authorization": "Bearer \(token ?? "")"]
        ).status
    }

    // Shows F-AG-15 F-SV-02
    @Test func anEnrolmentTokenBecomesASecretOnceAndTheSecretGivesTokensOfThatHost() async throws {
        try await RunningServer.with { server in
            let enrolment: String = try await enrolment(server)
            let first = try await enrol(server, enrolment)
            #expect(first.status == 201)
            #expect(first.json?["host"] == "web-1")
            #expect(first.json?["expiresInSeconds"] == 3600)
            #expect(try await config(server, token: first.json?["token"]?.string) != 401)
            // The answer was lost: the same again is fine; with another secret it is not.
            #expect(try await enrol(server, enrolment).status == 201)
            #expect(try await enrol(server, enrolment, secret: Self.another).status == 401)
            let renewed = try await renew(server)
            #expect(renewed.status == 200)
            let token: String = try #require(renewed.json?["token"]?.string)
            #expect(try await config(server, token: token) != 401)
            let asked = try await server.send(
                "GET", "/api/v1/hosts", headers: ["Authorization": "Bearer \(token)"])
            #expect(asked.status == 403, "it opens nothing else")
            #expect(try await renew(server, Self.another).status == 401)
            let stored = try await server.database.superuser("SELECT secret_hash FROM plumbline.agent_credentials")
            #expect(stored.rows.compactMap { $0[0].string }.allSatisfy { $0 != Self.secret }, "only the hash is kept")
        }
    }

    @Test func anEnrolmentTokenIsForOneHostAndEnds() async throws {
        try await RunningServer.with { server in
            let token: String = try await enrolment(server)
            let other = try await enrol(server, token, host: "web-2")
            #expect(other.status == 403)
            #expect(other.text.contains("--host web-1"))
            #expect(try await enrol(server, token).status == 201, "a wrong name does not use it up")
            let brief: String = try await enrolment(server, host: "web-3", for: "1ms")
            try await Task.sleep(for: .milliseconds(5))
            #expect(try await enrol(server, brief, host: "web-3").status == 401)
            #expect(try await enrol(server, Self.another, host: "web-3").status == 401)
            for body: JSONValue in [[:], ["secret": 5], ["secret": ""], []] {
                #expect(try await server.send("POST", "/v1/agent/token", body: body).status == 400)
            }
        }
    }

    @Test func aRevokedHostIsRefusedWithWhateverTokenUntilItIsEnrolledAgain() async throws {
        try await RunningServer.with { server in
            let used: String = try await enrolment(server)
            let given = try await enrol(server, used)
            let token: String? = given.json?["token"]?.string
            let handMade: String = try await server.token([.ingest], host: "web-1")
            let neighbour: String = try await server.token([.ingest], host: "web-2")
            #expect(try await config(server, token: handMade) != 401)
            let revoked = try await server.send(
                "POST", "/api/v1/credentials/revoke", as: [.admin], body: ["host": "web-1"])
            #expect(revoked.json?["hadSecret"] == true)
            #expect(try await config(server, token: token) == 401)
            #expect(try await config(server, token: handMade) == 401)
            #expect(try await renew(server).status == 401)
            #expect(try await enrol(server, used).status == 401, "the enrolment of before gives no token either")
            #expect(try await config(server, token: neighbour) != 401)
            let listed = try await server.send("GET", "/api/v1/credentials", as: [.admin])
            #expect(listed.json?["credentials"]?.array?.first?["revokedBy"] == "tester")
            // Tokens count in whole seconds: one of the second of the revocation is refused too.
            let anew: String = try await enrolment(server)
            _ = try await server.eventually {
                let again = try await enrol(server, anew, secret: Self.another)
                let fresh: String? = try await renew(server, Self.another).json?["token"]?.string
                let isIn: Bool = try await config(server, token: fresh) != 401
                return again.status == 201 && isIn ? true : nil
            }
        }
    }

    @Test func whatAnotherServerRevokedIsRefusedHereToo() async throws {
        try await RunningServer.with { server in
            let token: String = try await server.token([.ingest], host: "web-1")
            #expect(try await config(server, token: token) != 401)
            _ = try await server.database.superuser(
                "INSERT INTO plumbline.host_revocations VALUES ('web-1', now() + interval '1 second', 'elsewhere')")
            _ = try await server.eventually { try await config(server, token: token) == 401 ? true : nil }
        }
    }

    @Test func aHostThatIsEnrolledAgainHasTheNewSecretAlone() async throws {
        try await RunningServer.with { server in
            let first: String = try await enrolment(server)
            #expect(try await enrol(server, first).status == 201)
            let second: String = try await enrolment(server)
            #expect(try await enrol(server, second, secret: Self.another).status == 201)
            #expect(try await renew(server).status == 401)
            #expect(try await enrol(server, first).status == 401, "nor does its enrolment give the old machine one")
            #expect(try await renew(server, Self.another).status == 200)
            #expect(try await enrol(server, second, secret: Self.another).status == 201)
        }
    }

    @Test func aSecretThatTheServerHasAlreadyIsTakenWithAFreshTokenOfItsHost() async throws {
        try await RunningServer.with { server in
            // The answer was lost, and instead of the token being tried again there is another.
            #expect(try await enrol(server, try await enrolment(server)).status == 201)
            let second: String = try await enrolment(server)
            #expect(try await enrol(server, second).status == 201)
            #expect(try await renew(server).status == 200)
            // Revoked, it needs a token that nobody used yet.
            _ = try await server.send("POST", "/api/v1/credentials/revoke", as: [.admin], body: ["host": "web-1"])
            #expect(try await enrol(server, second).status == 401)
            #expect(try await enrol(server, try await enrolment(server)).status == 201)
            #expect(try await renew(server).status == 200)
            let listed = try await server.send("GET", "/api/v1/credentials", as: [.admin])
            #expect(listed.json?["credentials"]?.array?.map { $0["revokedBy"] } == [nil])
        }
    }

    @Test func aSecretOfAnotherHostIsRefusedAndUsesNothingUp() async throws {
        try await RunningServer.with { server in
            #expect(try await enrol(server, try await enrolment(server)).status == 201)
            let before: String = try await enrolment(server, host: "web-2")
            #expect(try await enrol(server, before, secret: Self.another, host: "web-2").status == 201)
            let token: String = try await enrolment(server, host: "web-2")
            #expect(try await enrol(server, token, host: "web-2").status == 401)
            #expect(try await renew(server).json?["host"] == "web-1")
            #expect(try await renew(server, Self.another).json?["host"] == "web-2")
            let fresh = String(repeating: "ef", count: 32)
            #expect(try await enrol(server, token, secret: fresh, host: "web-2").status == 201)
        }
    }

    @Test func onlyAdministratorsMakeEnrolmentsAndRevoke() async throws {
        try await RunningServer.with { server in
            for scope in Scope.allCases where scope != .admin {
                let body: JSONValue = ["host": "web-1"]
                for path in ["/api/v1/enrolments", "/api/v1/credentials/revoke"] {
                    let answer = try await server.send("POST", path, as: [scope], host: "web-1", body: body)
                    #expect(answer.status == 403)
                }
            }
            for body: JSONValue in [["host": "a b"], [:], ["host": "a", "for": "60d"], ["host": "a", "for": "x"]] {
                let answer = try await server.send("POST", "/api/v1/enrolments", as: [.admin], body: body)
                #expect([400, 422].contains(answer.status))
            }
        }
    }
}
