import Glibc
import Operator
import PlatformClient
import Runtime
import Telemetry
import Testing

@Suite struct TokenKeeperTests {
    private let start = Timestamp(milliseconds: 1_700_000_000_000)

    /// A plumb-server that prints a token which ends 24 h after 1,700,000,000 s, and notes how it was called.
    private func programs(in folder: String) throws -> Programs {
        // {"exp":1700086400}
        try writeScript(
            #"echo "$*" >>"$(dirname "$0")/calls"; echo aaaa.eyJleHAiOjE3MDAwODY0MDB9.bbbb"#,
            to: "\(folder)/plumb-server")
        try writeScript(
            #"echo "proxy $*" >>"$(dirname "$0")/calls"; echo aaaa.eyJleHAiOjE3MDAwODY0MDB9.bbbb"#,
            to: "\(folder)/plumb-proxy")
        return Programs(folder: folder)
    }

    @Test func eachClientGetsATokenThatAllowsItsOwnWorkAlone() async throws {
        try await withTemporaryFolder { folder in
            let directory = DataDirectory("\(folder)/data")
            try directory.create()
            let keeper = TokenKeeper(directory: directory, programs: try programs(in: folder), host: "web-1") { start }
            try await keeper.makeAll()
            let calls: [Substring] = try Files.text("\(folder)/calls").split(separator: "\n")
            #expect(
                calls == [
                    "token --keys \(directory.keys) --subject admin --scope admin,config,config:read,query --for 1d",
                    "token --keys \(directory.keys) --subject agent-web-1 --scope ingest --for 1d --host web-1",
                    "token --keys \(directory.keys) --subject gitops-sync --scope config,config:read,query --for 1d",
                    "token --keys \(directory.keys) --subject query --scope query --for 1d",
                    "proxy token --keys \(directory.proxyKeys) --subject admin"
                        + " --scope admin,config,config:read,events,pipelines,query --for 1d",
                    "proxy token --keys \(directory.proxyKeys) --subject gitops-sync --scope config,config:read"
                        + " --for 1d",
                    "proxy token --keys \(directory.proxyKeys) --subject reading-sync --scope pipelines --for 1d",
                ])
            var status = stat()
            stat(directory.token("admin"), &status)
            #expect(status.st_mode & 0o777 == 0o600)
            #expect(try Files.text(directory.token("agent")) == "aaaa.eyJleHAiOjE3MDAwODY0MDB9.bbbb\n")
        }
    }

    // Shows F-AG-15
    @Test func aTokenIsRenewedWhenHalfItsLifeIsOver() async throws {
        try await withTemporaryFolder { folder in
            let directory = DataDirectory("\(folder)/data")
            try directory.create()
            let programs: Programs = try programs(in: folder)
            func calls() -> Int { ((try? Files.text("\(folder)/calls")) ?? "").split(separator: "\n").count }
            func keeper(at time: Timestamp) -> TokenKeeper {
                TokenKeeper(directory: directory, programs: programs, host: "web-1") { time }
            }
            try await keeper(at: start).makeAll()
            #expect(await keeper(at: start + .hours(11)).renew().isEmpty)
            #expect(calls() == 7)
            #expect(await keeper(at: start + .hours(13)).renew().isEmpty)
            #expect(calls() == 14)
            unlink(directory.token("query"))
            #expect(await keeper(at: start + .hours(1)).renew().isEmpty)
            #expect(calls() == 15)
        }
    }

    @Test func aTokenThatCannotBeMadeIsSaidAndTheOthersAreMade() async throws {
        try await withTemporaryFolder { folder in
            let directory = DataDirectory("\(folder)/data")
            try directory.create()
            try writeScript(
                #"case "$*" in *agent*) echo "no keys" >&2; exit 1;; *) echo a.eyJleHAiOjE3MDAwODY0MDB9.b;; esac"#,
                to: "\(folder)/plumb-server")
            let keeper = TokenKeeper(
                directory: directory, programs: Programs(folder: folder), host: "web-1"
            ) { start }
            let problems: [String] = await keeper.renew()
            // There is no plumb-proxy either: its three tokens are missed too, and nothing else.
            #expect(problems.filter { $0.contains("no keys") }.count == 1)
            #expect(problems.count == 4)
            #expect(Files.exists(directory.token("query")))
        }
    }

    @Test(arguments: ["", "a.b.c", "a.!!!!.c", "a.e30.c", "a.eyJleHAiOiJ4In0.c", "a.eyJleHAiOjFlOTl9.c", "abc", "..."])
    func whatIsNoTokenHasNoExpiry(_ text: String) {
        #expect(TokenKeeper.expiry(of: text) == nil)
    }
}
