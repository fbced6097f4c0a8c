import ConfigAPIServer
import Database
import Declarations
import ServerDaemon
import Telemetry
import Runtime
import TestSupport
import Testing

@Suite struct AccessTests {
    private static let closed: [(method: String, path: String, scope: Scope)] = [
        ("GET", "/v1/config", .configRead), ("PATCH", "/v1/config", .config), ("POST", "/v1/config/lease", .config),
        ("GET", "/v1/config/audit", .configRead), ("GET", "/v1/config/events", .configRead),
        ("GET", "/v1/agent/config", .ingest), ("POST", "/v1/agent/status", .ingest),
        ("GET", "/v1/agents", .configRead), ("POST", "/v1/agents/resync", .config),
        ("GET", "/api/v1/hosts", .query), ("GET", "/api/v1/hosts/web-1", .query),
        ("POST", "/api/v1/reports", .config), ("GET", "/api/v1/reports", .query),
        ("GET", "/api/v1/reports/01HZZZZZZZZZZZZZZZZZZZZZZZ", .query),
        ("POST", "/api/v1/tokens", .admin), ("POST", "/api/v1/login-links", .admin),
        ("POST", "/api/v1/metrics", .ingest), ("GET", "/api/v1/metrics/query", .query),
        ("GET", "/api/v1/query", .query), ("POST", "/api/v1/query", .query),
        ("GET", "/api/v1/query_range", .query), ("POST", "/api/v1/query_range", .query),
        ("GET", "/api/v1/retention", .configRead), ("GET", "/api/v1/retention/preview", .configRead),
        ("GET", "/api/v1/alerts", .query), ("GET", "/api/v1/alerts/history", .query),
        ("GET", "/api/v1/notifications", .query), ("GET", "/", .query), ("GET", "/hosts/web-1", .query),
        ("GET", "/drift", .query), ("GET", "/drift/01HZZZZZZZZZZZZZZZZZZZZZZZ", .query), ("GET", "/config", .query),
    ]

    // Shows W-A-11
    @Test func everyDataRouteNeedsACredentialWithTheRightScope() async throws {
        try await RunningServer.with { server in
            for (method, path, scope) in Self.closed {
                let anonymous: Int = try await server.send(method, path).status
                #expect(anonymous == 401, "\(method) \(path)")
                let others: Set<Scope> = Set(Scope.allCases).filter { !$0.implied.contains(scope) }
                let wrong: Int = try await server.send(method, path, as: others, host: "web-1").status
                #expect(wrong == 403, "\(method) \(path)")
            }
        }
    }

    // Shows W-A-11
    @Test func whatNobodyThoughtOfIsClosedToo() async throws {
        try await RunningServer.with { server in
            for path in [
                "/", "/api/v1/query", "/api/v1/metrics", "/v1/nothing", "/assets/../api/v1/hosts", "/metricsx",
            ] {
                let status: Int = try await server.send("GET", path).status
                #expect(status == 401, "\(path)")
            }
            let nowhere = try await server.send("GET", "/v1/nothing", as: [.admin])
            #expect(nowhere.status == 404)
        }
    }

    @Test func aTokenThatIsRefusedSaysNoMoreThanThat() async throws {
        try await RunningServer.with { server in
            let answer = try await server.send("GET", "/v1/config", headers: ["Authorization": "Bearer a.b.c"])
            #expect(answer.status == 401)
            #expect(answer.headers["www-authenticate"]?.hasPrefix("Bearer") == true)
            #expect(answer.json?["error"] == "a valid token is needed: Authorization: Bearer …")
        }
    }

    @Test func aBrowserWithoutASessionIsSentToThePageThatSaysHow() async throws {
        try await RunningServer.with { server in
            let answer = try await server.send("GET", "/", headers: ["Accept": "text/html"])
            #expect(answer.status == 303)
            #expect(answer.headers["location"] == "/login")
            let page = try await server.send("GET", "/login")
            #expect(page.status == 200)
            #expect(page.text.contains("plumb login"))
        }
    }

    @Test(arguments: [
        ("/hosts/nobody", "no host &quot;nobody&quot; ever reported"), ("/drift/none", "there is no report none"),
        ("/%3Cb%3E", "There is nothing at /%3Cb%3E"),
    ])
    func whatIsNotThereIsToldToABrowserInAPage(path: String, message: String) async throws {
        try await RunningServer.with { server in
            let page = try await server.send("GET", path, as: [.query], headers: ["Accept": "text/html,*/*"])
            #expect(page.status == 404)
            #expect(page.headers["content-type"] == "text/html; charset=utf-8")
            #expect(page.text.contains(message), "\(page.text)")
            #expect(page.text.contains("<nav"))
            let answer = try await server.send("GET", path, as: [.query])
            #expect(answer.status == 404)
            #expect(answer.json?["error"] != nil)
        }
    }

    @Test func aLoginLinkOpensASessionOnce() async throws {
        try await RunningServer.with { server in
            let made = try await server.send("POST", "/api/v1/login-links", as: [.admin])
            #expect(made.status == 201)
            let path: String = try #require(made.json?["path"]?.string)
            let login = try await server.send("GET", path)
            #expect(login.status == 303)
            let cookie: String = try #require(login.headers["set-cookie"])
            #expect(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Max-Age=43200"))
            let session = String(cookie.prefix { $0 != ";" })
            let hosts = try await server.send("GET", "/api/v1/hosts", headers: ["Cookie": session])
            #expect(hosts.status == 200)
            // A session reads; it changes nothing and makes no tokens.
            let config = try await server.send("GET", "/v1/config", headers: ["Cookie": session])
            #expect(config.status == 403)
            let again = try await server.send("GET", path)
            #expect(again.status == 403)
            #expect(again.headers["set-cookie"] == nil)
        }
    }

    @Test func ofTwoWhoUseALinkAtOnceOneGetsIn() async throws {
        try await RunningServer.with { server in
            let made = try await server.send("POST", "/api/v1/login-links", as: [.admin])
            let path: String = try #require(made.json?["path"]?.string)
            let statuses: [Int] = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<6 { group.addTask { try await server.send("GET", path).status } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.filter { $0 == 303 }.count == 1)
        }
    }

    @Test func theDatabaseHoldsNoCodeThatOpensAnything() async throws {
        try await RunningServer.with { server in
            let made = try await server.send("POST", "/api/v1/login-links", as: [.admin])
            let path: String = try #require(made.json?["path"]?.string)
            let code: Substring = path.dropFirst("/login?code=".count)
            let rows = try await server.database.superuser("SELECT login_links::text AS row FROM plumbline.login_links")
            let row: String = try #require(rows.rows.first?["row"].string)
            #expect(!row.contains(code))
        }
    }

    @Test func aSessionCookieFromAnotherSiteCannotPost() async throws {
        try await RunningServer.with { server in
            let made = try await server.send("POST", "/api/v1/login-links", as: [.admin])
            let login = try await server.send("GET", try #require(made.json?["path"]?.string))
            let session = String(try #require(login.headers["set-cookie"]).prefix { $0 != ";" })
            let foreign = try await server.send(
                "POST", "/api/v1/reports", headers: ["Cookie": session, "Origin": "https://evil.example"])
            #expect(foreign.status == 401)
            let own = try await server.send(
                "POST", "/api/v1/reports", headers: ["Cookie": session, "Origin": server.url])
            #expect(own.status == 403, "known, but without the scope")
        }
    }

    @Test func aStaleCookieDoesNotKeepAnybodyFromLoggingIn() async throws {
        try await RunningServer.with { server in
            let page = try await server.send("GET", "/login", headers: ["Cookie": "plumb_session=a.b.c"])
            #expect(page.status == 200)
            let out = try await server.send("GET", "/logout", headers: ["Cookie": "plumb_session=a.b.c"])
            #expect(out.headers["set-cookie"]?.contains("Max-Age=0") == true)
        }
    }

    @Test func anAdministratorMakesTokensThatWork() async throws {
        try await RunningServer.with { server in
            let made = try await server.send(
                "POST", "/api/v1/tokens", as: [.admin],
                body: ["subject": "grafana", "scopes": ["query"], "for": "30d"])
            #expect(made.status == 201)
            let token: String = try #require(made.json?["token"]?.string)
            let hosts = try await server.send("GET", "/api/v1/hosts", headers: ["Authorization": "Bearer \(token)"])
            #expect(hosts.status == 200)
            let unbound = try await server.send(
                "POST", "/api/v1/tokens", as: [.admin], body: ["subject": "agent", "scopes": ["ingest"]])
            #expect(unbound.status == 422)
            #expect(unbound.json?["error"]?.string?.contains("needs a host") == true)
        }
    }

    // Shows F-SV-17
    @Test func aliveDoesNotNeedTheDatabaseAndReadyDoes() async throws {
        try await RunningServer.with { server in
            let ready = try await server.eventually {
                let answer = try await server.send("GET", "/readyz")
                return answer.status == 200 ? answer : nil
            }
            #expect(ready.json?["checks"]?["database"] == "ok")
        }
        let nowhere: (inout ServerConfiguration) -> Void = { $0.database = "host=/nonexistent dbname=none" }
        try await RunningServer.with(nowhere) { server in
            let alive = try await server.send("GET", "/healthz")
            #expect(alive.status == 200)
            let ready = try await server.send("GET", "/readyz")
            #expect(ready.status == 503)
            #expect(ready.json?["status"] == "not ready")
        }
    }

    @Test func withoutTheDatabaseEveryRouteSaysThatItIsToBeTriedAgain() async throws {
        try await RunningServer.with {
            $0.database = "host=/nonexistent dbname=none"
        } _: { server in
            for path in [
                "/api/v1/hosts", "/api/v1/alerts", "/api/v1/notifications", "/api/v1/reports", "/api/v1/retention",
                "/api/v1/metrics/query?name=a&from=0&to=60&bucket=1m&agg=avg", "/api/v1/query?query=up", "/v1/config",
            ] {
                let answer = try await server.send("GET", path, as: [.admin, .query, .config, .configRead])
                #expect(answer.status == 503, "\(path): \(answer.text)")
            }
            let sample: JSONValue = ["host": "web", "metrics": [["name": "a", "time": .time(.now()), "value": 1]]]
            let ingest = try await server.send("POST", "/api/v1/metrics", as: [.ingest], host: "web", body: sample)
            #expect(ingest.status == 503, "\(ingest.text)")
            #expect(ingest.headers["retry-after"] == "2")
        }
    }

    // Shows F-SV-18
    @Test func requestsAreCountedByRouteAndNumbered() async throws {
        try await RunningServer.with { server in
            let answer = try await server.send("GET", "/api/v1/hosts/nobody", as: [.query])
            #expect(answer.status == 404)
            #expect(answer.headers["x-request-id"]?.isEmpty == false)
            let metrics = try await server.send("GET", "/metrics")
            #expect(
                metrics.text.contains(
                    "plumb_http_requests_total{method=\"GET\",route=\"/api/v1/hosts/{host}\",status=\"404\"} 1"),
                "\(metrics.text)")
        }
    }

    // Shows W-A-22
    @Test func aBodyThatIsTooLargeIsRefused() async throws {
        try await RunningServer.with { server in
            let large: JSONValue = .string(String(repeating: "a", count: 20000))
            let answer = try await server.send(
                "POST", "/api/v1/tokens", as: [.admin], body: ["subject": large])
            #expect(answer.status == 413)
        }
    }
}
