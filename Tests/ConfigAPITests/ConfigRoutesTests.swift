import ConfigAPI
import ConfigAPIServer
import Declarations
import Telemetry
import Testing

@Suite struct ConfigRoutesTests {
    private static func patch(
        _ generation: Int, _ changes: [ConfigChange], epoch: Int? = nil
    ) -> ConfigPatch {
        ConfigPatch(
            requestId: "r\(generation)", storeId: "5f0c0a52-9d1f-4a0e-8a9e-000000000001", generation: generation,
            revision: nil, leaseEpoch: epoch, changes: changes)
    }

    private static let notifier = ConfigChange(
        .put(["type": "webhook", "url": "https://hooks.example.org/secret"]), kind: "Notifier", name: "ops")

    @Test func aPatchIsAppliedAsTheCredentialAndAnsweredWithTheNewState() async throws {
        let backend = InMemoryBackend()
        try await withServer(backend) { server in
            let answer = try await server.send("PATCH", "/v1/config", body: Self.patch(1, [Self.notifier]).json)
            #expect(answer.status == 200)
            let snapshot = try ConfigSnapshot(json: #require(answer.json))
            #expect(snapshot.generation == 2)
            #expect(snapshot.resources.map(\.owner) == ["ada"])
            #expect(snapshot.resources.first?.spec["url"] == "https://hooks.example.org/secret")
            #expect(await backend.writers == [ConfigWriter(subject: "ada", remoteAddress: "127.0.0.1")])
        }
    }

    @Test func anotherGenerationIsAConflictThatSaysWhereTheStoreIs() async throws {
        try await withServer(InMemoryBackend()) { server in
            let answer = try await server.send("PATCH", "/v1/config", body: Self.patch(7, [Self.notifier]).json)
            #expect(answer.status == 409)
            let conflict = try ConfigConflict(json: #require(answer.json))
            #expect(conflict.generation == 1)
            #expect(conflict.message == "the store has moved")
        }
    }

    @Test func aPatchUnderAnOlderLeaseIsAConflict() async throws {
        try await withServer(InMemoryBackend()) { server in
            let request = LeaseRequest(source: "ada", holder: "one", ttl: .minutes(1), acceptedCommit: "abc")
            let first = try await server.send("POST", "/v1/config/lease", body: request.json)
            let second = try await server.send("POST", "/v1/config/lease", body: request.json)
            #expect(first.json?["epoch"] == 1)
            #expect(second.json?["epoch"] == 2)
            let stale = try await server.send("PATCH", "/v1/config", body: Self.patch(1, [], epoch: 1).json)
            #expect(stale.status == 409)
            let fresh = try await server.send("PATCH", "/v1/config", body: Self.patch(1, [], epoch: 2).json)
            #expect(fresh.status == 200)
        }
    }

    @Test func wrongChangesAreAllNamedAtOnce() async throws {
        try await withServer(InMemoryBackend()) { server in
            let changes: [ConfigChange] = ["Gizmo", "Widget"].map {
                ConfigChange(.put([:]), kind: $0, name: "x")
            }
            let answer = try await server.send("PATCH", "/v1/config", body: Self.patch(1, changes).json)
            #expect(answer.status == 422)
            let rejection = try ConfigRejection(json: #require(answer.json))
            #expect(rejection.errors.map(\.kind) == ["Gizmo", "Widget"])
            #expect(rejection.errors.map(\.index) == [0, 1])
        }
    }

    @Test func secretsAreHiddenFromTheReadingScope() async throws {
        try await withServer(InMemoryBackend()) { server in
            _ = try await server.send("PATCH", "/v1/config", body: Self.patch(1, [Self.notifier]).json)
            let reader = try await server.send("GET", "/v1/config", token: "config:read")
            let trail = try await server.send("GET", "/v1/config/audit", token: "config:read")
            let plain = try await server.send("GET", "/v1/config/audit")
            #expect(reader.json?["resources"]?.array?.first?["spec"] == "hidden Notifier")
            #expect(trail.json?["entries"]?.array?.first?["after"] == "hidden Notifier")
            #expect(plain.json?["entries"]?.array?.first?["after"]?["url"] == "https://hooks.example.org/secret")
            // Who may see more by now is not told that nothing changed.
            let known: String = try #require(reader.headers["etag"])
            let again = try await server.send(
                "GET", "/v1/config", token: "config:read", headers: [("If-None-Match", known)])
            let promoted = try await server.send("GET", "/v1/config", headers: [("If-None-Match", known)])
            #expect(again.status == 304)
            #expect(promoted.status == 200)
        }
    }

    @Test func anUnchangedStateIsAnsweredWithoutABody() async throws {
        try await withServer(InMemoryBackend()) { server in
            let first = try await server.send("GET", "/v1/config")
            let tag: String = try #require(first.headers["etag"])
            #expect(tag.hasPrefix("\"5f0c0a52-9d1f-4a0e-8a9e-000000000001/1"))
            let again = try await server.send("GET", "/v1/config", headers: [("If-None-Match", tag)])
            #expect(again.status == 304)
            #expect(again.json == nil)
        }
    }

    // The generation alone would hide what a superuser did with the triggers disabled.
    @Test func aChangeThatLeavesTheGenerationIsSeenThroughTheTag() async throws {
        let backend = InMemoryBackend()
        try await withServer(backend) { server in
            _ = try await server.send("PATCH", "/v1/config", body: Self.patch(1, [Self.notifier]).json)
            let tag: String = try #require(try await server.send("GET", "/v1/config").headers["etag"])
            await backend.changeUnseen(ResourceKey(.notifier, "ops"), spec: ["type": "webhook"])
            let answer = try await server.send("GET", "/v1/config", headers: [("If-None-Match", tag)])
            #expect(answer.status == 200)
            #expect(answer.json?["generation"] == 2)
        }
    }

    @Test func everyRouteNeedsItsScope() async throws {
        try await withServer(InMemoryBackend()) { server in
            for (method, path, enough) in [
                ("GET", "/v1/config", "config:read"), ("GET", "/v1/config/audit", "config:read"),
                ("PATCH", "/v1/config", "config"), ("POST", "/v1/config/lease", "config"),
            ] {
                #expect(try await server.send(method, path, token: nil).status == 401, "\(method) \(path)")
                let lesser: String = enough == "config" ? "config:read" : "query ingest"
                #expect(try await server.send(method, path, token: lesser).status == 403, "\(method) \(path)")
                let status: Int = try await server.send(method, path, token: enough).status
                #expect(status != 401 && status != 403, "\(method) \(path)")
            }
        }
    }

    @Test func ownershipCannotBeClaimedInABody() async throws {
        try await withServer(InMemoryBackend()) { server in
            var body: JSONValue = Self.patch(1, [Self.notifier]).json
            if case .object(var members) = body {
                members["owner"] = "gitops-sync"
                body = .object(members)
            }
            let patch: Int = try await server.send("PATCH", "/v1/config", body: body).status
            #expect(patch == 403)
            let lease = LeaseRequest(source: "gitops-sync", holder: "one", ttl: .minutes(1))
            #expect(try await server.send("POST", "/v1/config/lease", body: lease.json).status == 403)
        }
    }

    // Shows W-A-22
    @Test func aBodyThatIsTooLargeIsRefusedBeforeItIsRead() async throws {
        try await withServer(InMemoryBackend()) { server in
            let large = [UInt8](repeating: UInt8(ascii: " "), count: Limits.bodyBytes + 1)
            let answer = try await server.send("PATCH", "/v1/config", token: "config", bytes: large)
            #expect(answer.status == 413)
            #expect(answer.json?["error"]?.string?.contains("larger than") == true)
        }
    }

    @Test func whatIsNotJSONOrNotAPatchIsNamed() async throws {
        try await withServer(InMemoryBackend()) { server in
            let garbage = try await server.send("PATCH", "/v1/config", token: "config", bytes: Array("{".utf8))
            #expect(garbage.status == 400)
            let form = try await server.send("PATCH", "/v1/config", body: ["requestId": "a"])
            #expect(form.status == 400)
            #expect(form.json?["error"]?.string?.contains("/storeId") == true)
            let since = try await server.send("GET", "/v1/config/audit?since=never")
            #expect(since.status == 400)
            let nowhere = try await server.send("GET", "/v2")
            #expect(nowhere.status == 404)
            #expect(nowhere.json?["error"] == "there is nothing at /v2")
        }
    }
}
