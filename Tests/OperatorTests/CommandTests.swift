import ArgumentParser
import Declarations
@testable import Operator
import PlatformClient
import Runtime
import Testing

@Suite struct CommandLineTests {
    @Test(arguments: [
        ["up", "--port", "80"], ["up", "--port", "65535"], ["up", "extra"], ["token"], ["query"],
        ["query", "up", "--step", "1m"], ["query", "up", "--range", "five"], ["query", "up", "--range", "0s"],
        ["hosts", "--server", "http://x"], ["hosts", "--server", "http://x", "--token-file", "f", "--data-dir", "d"],
        ["hosts", "--output", "xml"], ["secret", "set", "../escape"], ["with-lifeline", "--", "relative"], ["nonsense"],
        ["around", "yesterday"], ["around", "now", "--limit", "0"], ["around", "--window", "wide"],
        ["hosts", "--output", "xml"], ["logs", "--level", "loud"], ["logs", "--limit", "0"],
        ["logs", "--from", "soon"],
        ["logs", "--follow", "--to", "1m"], ["secret", "set", "../escape"], ["with-lifeline", "--", "relative"],
        ["nonsense"],
    ])
    func wrongUsageIsStatus64(_ arguments: [String]) throws {
        let error: any Error = try #require(throws: (any Error).self) { try Plumb.parseAsRoot(arguments) }
        #expect(Plumb.exitCode(for: error).rawValue == ExitStatus.usage)
    }

    @Test(arguments: [
        ["up"], ["up", "--data-dir", "d", "--port", "7800", "--config-repo", "ssh://git@example.org/config"], ["down"],
        ["status", "--output", "json"], ["query", "rate(x[5m])", "--range", "1h", "--step", "1m"], ["login"],
        ["hosts", "--server", "http://x", "--token-file", "f"], ["alerts"], ["around"], ["around", "10m", "ago"],
        ["around", "2026-11-21T03:14:00Z", "--host", "web-1", "--window", "5m", "--limit", "9"],
        ["hosts", "--server", "http://x", "--token-file", "f"], ["alerts"],
        ["logs", "disk full", "--host", "web-1", "--level", "err", "--source", "system", "--path", "/var/log/*"],
        ["logs", "--from", "15m", "--to", "2026-11-21T00:00:00Z", "--limit", "5", "--output", "json"], ["logs", "-f"],
        ["psql", "--", "-c", "SELECT 1"],
        ["token", "--subject", "me", "--scope", "query,config", "--for", "2h"], ["secret", "set", "slack-url"],
        ["migrate", "--database", "host=x"],
    ])
    func rightUsageIsUnderstood(_ arguments: [String]) throws {
        _ = try Plumb.parseAsRoot(arguments)
    }
}

@Suite struct CommandTextTests {
    @Test func aLogLineIsOneLineAndCannotSteerTheTerminal() throws {
        let line: JSONValue = [
            "time": "2026-11-21T03:09:42Z", "host": "web-1", "level": "warn", "source": "system",
            "message": "a\u{1B}[2Jb\nc\u{9B}", "fields": ["n": 1],
        ]
        #expect(
            LogsCommand.text(line)
                == #"2026-11-21T03:09:42Z web-1 WARN  system a\u{1b}[2Jb\u{a}c\u{9b} {"n":1}"#)
    }

    @Test func aVectorIsATable() throws {
        let answer = try JSONValue(
            parsing: #"""
                {"status":"success","data":{"resultType":"vector","result":[
                  {"metric":{"__name__":"up","host":"web-1"},"value":[1700000000,"1"]},
                  {"metric":{},"value":[1700000000,"12.5"]}]}}
                """#)
        #expect(
            QueryCommand.text(answer) == """
                VALUE  SERIES
                1      up{host="web-1"}
                12.5   {}
                """)
    }

    @Test func aMatrixIsOneBlockPerSeries() throws {
        let answer = try JSONValue(
            parsing: #"""
                {"data":{"resultType":"matrix","result":[
                  {"metric":{"host":"web-1"},"values":[[1700000000,"1"],[1700000060,"2"]]}]}}
                """#)
        #expect(
            QueryCommand.text(answer) == """
                {host="web-1"}
                  2023-11-14T22:13:20Z  1
                  2023-11-14T22:14:20Z  2
                """)
    }

    @Test func nothingFoundIsSaid() throws {
        #expect(QueryCommand.text(["data": ["resultType": "vector", "result": []]]) == "no series")
        #expect(QueryCommand.text(["data": ["resultType": "scalar", "result": [1_700_000_000, "4"]]]) == "4")
        #expect(HostsCommand.text(["hosts": []]) == "no hosts yet")
        #expect(AlertsCommand.text(["data": ["alerts": []]]) == "no alerts")
    }

    @Test func hostsShowWhetherTheyRunWhatTheyShould() throws {
        let answer = try JSONValue(
            parsing: #"""
                {"hosts":[{"host":"web-1","status":"ok","lastSeen":"2026-01-01T00:00:00Z","groups":["all","web"],
                  "agent":{"runningDigest":"0123456789","inSync":false,"behindSince":"2025-12-31T23:00:00Z",
                   "applied":{"id":"abcdef0123456789"}},
                  "delivery":{"samples":{"missing":3,"waiting":0,"dropped":{"tooOld":2}},"lines":{"missing":0}}},
                 {"host":"web-2","status":"down","agent":{"runningDigest":"0123456789","inSync":true}},
                 {"host":"web-3","status":"ok","delivery":{"samples":{"missing":0,"waiting":0,"dropped":{}}}},
                 {"host":"web-4","status":"ok","clones":[{},{}]}]}
                """#)
        #expect(
            HostsCommand.text(answer) == """
                HOST   STATUS  LAST SEEN             CONFIG                                                 DELIVERY                                       GROUPS
                web-1  ok      2026-01-01T00:00:00Z  behind since 2025-12-31T23:00:00Z (commit abcdef0123)  3 samples missing, 2 samples dropped (tooOld)  all, web
                web-2  down    -                     in sync (01234567)                                     -
                web-3  ok      -                     -                                                      whole
                web-4  ok      -                     -                                                      2 agents at once
                """)
    }

    @Test func alertsShowNameStateAndLabels() throws {
        let answer = try JSONValue(
            parsing: #"""
                {"data":{"alerts":[{"labels":{"alertname":"cpu-high","host":"web-1"},"state":"firing",
                  "activeAt":"2026-01-01T00:00:00Z","value":"93.5"}]}}
                """#)
        #expect(
            AlertsCommand.text(answer) == """
                ALERT     STATE   SINCE                 VALUE  LABELS
                cpu-high  firing  2026-01-01T00:00:00Z  93.5   {host="web-1"}
                """)
    }

    @Test func whatGoesIntoAURLIsEncoded() {
        #expect(percentEncoded("rate(x[5m]) > 0&a=ä") == "rate%28x%5B5m%5D%29%20%3E%200%26a%3D%C3%A4")
    }

    @Test func wordsForAShellAreOneWord() async throws {
        let text = #"it's "$HOME" `x` \ and more"#
        let output: String = try await CommandRunner().run("/bin/sh", ["-c", "printf %s \(shellQuoted(text))"])
        #expect(output == text)
    }

    @Test func quotedScalarsKeepTheirText() {
        #expect(yamlQuoted("a\"b\\c\nd") == #""a\"b\\c\x0ad""#)
    }
}
