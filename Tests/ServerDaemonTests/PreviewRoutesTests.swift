import ConfigAPIServer
import Declarations
import ServerDaemon
import StoreService
import Testing

@Suite struct PreviewRoutesTests {
    // Shows F-GO-16
    @Test func aSourcesPreviewsAreReplacedAsAWhole() async throws {
        try await RunningServer.with { server in
            func send(_ branches: [String], subject: String = "gitops-sync") async throws -> Int {
                let previews: [JSONValue] = branches.map {
                    ["branch": .string($0), "head": "c0ffee", "verdict": "changes", "report": ["changes": []]]
                }
                return try await server.send(
                    "POST", "/api/v1/previews", as: [.config], subject: subject,
                    body: ["version": 1, "previews": .array(previews), "leftOff": ["plan/z"]]
                ).status
            }
            #expect(try await send(["plan/a", "plan/b"]) == 200)
            #expect(try await send(["plan/c"], subject: "other") == 200)
            #expect(try await send(["plan/b"]) == 200)
            let answer = try await server.send("GET", "/api/v1/previews", as: [.query])
            let sources: [JSONValue] = answer.json?["sources"]?.array ?? []
            #expect(sources.map { $0["source"] } == ["gitops-sync", "other"])
            #expect(sources.first?["previews"]?.array?.map { $0["branch"] } == ["plan/b"])
            #expect(sources.first?["leftOff"] == ["plan/z"])
            #expect(sources.first?["receivedAt"]?.string != nil)
        }
    }

    @Test func whatIsNoSetOrTooLargeOrUnauthorisedIsRefused() async throws {
        try await RunningServer.with { server in
            let one: JSONValue = ["branch": "a", "head": "c", "verdict": "nothing"]
            let many: [JSONValue] = Array(repeating: one, count: 21)
            for body: JSONValue in [
                [:], ["previews": [["branch": "a"]], "leftOff": []], ["previews": .array(many), "leftOff": []],
            ] {
                let answer = try await server.send("POST", "/api/v1/previews", as: [.config], body: body)
                #expect(answer.status == 422, "\(answer.text)")
            }
            let body: JSONValue = ["previews": [one], "leftOff": []]
            #expect(try await server.send("POST", "/api/v1/previews", as: [.query], body: body).status == 403)
            #expect(try await server.send("GET", "/api/v1/previews").status == 401)
            let answer = try await server.send("GET", "/api/v1/previews", as: [.query])
            #expect(answer.json?["sources"] == [])
        }
    }
}
