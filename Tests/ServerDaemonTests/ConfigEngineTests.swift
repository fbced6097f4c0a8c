import ConfigAPI
import ConfigAPIServer
import Database
import Declarations
import Glibc
import Runtime
import ServiceLifecycle
import StoreService
import Telemetry
import TestSupport
import Testing

@Suite struct ConfigEngineTests {
    private static let key = ResourceKey(.collector, "cpu")

    @Test func anAnswerToAChangeShowsThatTheServerRunsIt() async throws {
        try await RunningServer.with { server in
            let snapshot: ConfigSnapshot = try await server.put([RunningServer.collector()])
            let instance: ConfigSnapshot.Instance = try #require(snapshot.instances.first)
            #expect(snapshot.resources.map(\.key) == [Self.key])
            #expect(snapshot.resources.first?.changedBy?.who == "gitops-sync")
            #expect(instance.loadedGeneration == snapshot.generation)
            #expect(instance.loadedDigest == snapshot.digest)
            #expect(instance.isFresh)
        }
    }

    @Test func aRowChangedWithSQLIsObeyedWithinASecond() async throws {
        try await RunningServer.with { server in
            try await server.put([RunningServer.collector()])
            let fastest: Duration = try await server.fastest(of: 5, enough: .seconds(1)) { attempt in
                let before: ConfigSnapshot = try await server.snapshot()
                let start: ContinuousClock.Instant = .now
                try await server.database.person(
                    "UPDATE plumbline.resources SET spec = jsonb_set(spec, '{interval}', $1)",
                    [.json(.string("\(20 + attempt)s"))])
                let after: ConfigSnapshot = try await server.loaded { $0.generation > before.generation }
                let duration: Duration = .now - start
                #expect(after.resources.first?.spec["interval"] == .string("\(20 + attempt)s"))
                #expect(after.resources.first?.changedBy?.who == "operator")
                #expect(after.resources.first?.changedBy?.via == .sql)
                return duration
            }
            #expect(fastest < .seconds(1))
        }
    }

    // Notifications are an optimisation: what sends none is obeyed as fast.
    @Test func aRowChangedWithTheTriggersDisabledIsObeyedWithinASecond() async throws {
        try await RunningServer.with { server in
            try await server.put([RunningServer.collector()])
            let connection = try await server.database.connect(as: server.database.superuserAddress)
            let fastest: Duration = try await server.fastest(of: 5, enough: .seconds(1)) { attempt in
                let before: ConfigSnapshot = try await server.snapshot()
                let start: ContinuousClock.Instant = .now
                try await connection.script(
                    """
                    ALTER TABLE plumbline.resources DISABLE TRIGGER ALL;
                    UPDATE plumbline.resources SET spec = jsonb_set(spec, '{interval}', '"\(20 + attempt)s"');
                    ALTER TABLE plumbline.resources ENABLE TRIGGER ALL;
                    """)
                let after: ConfigSnapshot = try await server.loaded { $0.digest != before.digest }
                let duration: Duration = .now - start
                #expect(after.generation == before.generation)
                #expect(after.resources.first?.changedBy?.via == .unaudited)
                #expect(after.resources.first?.changedBy?.who == nil)
                return duration
            }
            // The store is looked at every second; the look itself takes a little.
            #expect(fastest < .milliseconds(1200))
        }
    }

    @Test func aStoredFormThatCannotBeDecodedLeavesTheLastGoodOneRunning() async throws {
        try await RunningServer.with { server in
            try await server.put([RunningServer.collector(interval: "15s")])
            let good = try await server.send("GET", "/v1/agent/config", as: [.ingest], host: "web-1")
            try await server.database.person(
                "UPDATE plumbline.resources SET spec = jsonb_set(spec, '{interval}', '\"soon\"')")
            let snapshot: ConfigSnapshot = try await server.eventually {
                let snapshot: ConfigSnapshot = try await server.snapshot()
                return snapshot.instances.first?.error == nil ? nil : snapshot
            }
            #expect(snapshot.resources.first?.health.state == .invalid)
            #expect(snapshot.resources.first?.health.message?.contains("/interval") == true)
            #expect(snapshot.instances.first?.loadedGeneration == snapshot.generation)
            #expect(snapshot.instances.first?.loadedDigest != snapshot.digest)
            let kept = try await server.send("GET", "/v1/agent/config", as: [.ingest], host: "web-1")
            #expect(kept.json?["resources"] == good.json?["resources"])
            #expect(kept.json?["resources"]?.array?.count == 1)
        }
    }

    @Test func aDeletedRowStopsRunning() async throws {
        try await RunningServer.with { server in
            let before: ConfigSnapshot = try await server.put([RunningServer.collector()])
            try await server.database.person("DELETE FROM plumbline.resources")
            let after: ConfigSnapshot = try await server.loaded { $0.generation > before.generation }
            #expect(after.resources.isEmpty)
            let config = try await server.send("GET", "/v1/agent/config", as: [.ingest], host: "web-1")
            #expect(config.json?["resources"] == [])
        }
    }

    @Test func anExpressionThatIsNotPromQLIsRefusedWithItsPlace() async throws {
        try await RunningServer.with { server in
            let present: ConfigSnapshot = try await server.snapshot()
            let rule = ConfigChange(.put(["expr": "rate(node_load1"]), kind: "AlertRule", name: "load-high")
            let patch = ConfigPatch(
                requestId: "one", storeId: present.storeId, generation: present.generation, revision: nil,
                leaseEpoch: nil, changes: [rule])
            let answer = try await server.send("PATCH", "/v1/config", as: [.config], body: patch.json)
            #expect(answer.status == 422)
            let rejection = try ConfigRejection(json: #require(answer.json))
            #expect(rejection.errors.map(\.path) == ["/expr"])
        }
    }

    @Test func aSecretThatIsMissingIsHealthAndNotDrift() async throws {
        try await RunningServer.with { server in
            let notifier = ConfigChange(
                .put(["type": "webhook", "secretRef": "hook"]), kind: "Notifier", name: "ops")
            let before: ConfigSnapshot = try await server.put([notifier])
            let missing: ConfigSnapshot = try await server.eventually {
                let snapshot: ConfigSnapshot = try await server.snapshot()
                return snapshot.resources.first?.health.state == .secretMissing ? snapshot : nil
            }
            #expect(missing.generation == before.generation)
            #expect(missing.digest == before.digest)
            try Files.createFolder(server.secretsFolder, mode: 0o700)
            try Files.write("https://hooks.example.org/x\n".utf8, to: "\(server.secretsFolder)/hook", mode: 0o600)
            let present: ConfigSnapshot = try await server.eventually {
                let snapshot: ConfigSnapshot = try await server.snapshot()
                return snapshot.resources.first?.health.state == .healthy ? snapshot : nil
            }
            #expect(present.generation == before.generation)
        }
    }

    @Test func whoMayOnlyReadSeesNoSecret() async throws {
        try await RunningServer.with { server in
            let notifier = ConfigChange(
                .put(["type": "webhook", "url": "https://hooks.example.org/T0/secret"]), kind: "Notifier", name: "ops")
            try await server.put([notifier])
            let shown = try await server.send("GET", "/v1/config", as: [.configRead])
            #expect(shown.text.contains("https://hooks.example.org#"))
            #expect(!shown.text.contains("secret\""))
            let audit = try await server.send("GET", "/v1/config/audit?since=0", as: [.configRead])
            #expect(audit.status == 200)
            #expect(!audit.text.contains("T0/secret"))
        }
    }

    // Shows F-SV-19
    @Test func aServerStopsInTimeWithOpenStreamsAndLeavesNoInstanceBehind() async throws {
        // From the order to stop: on a busy machine setting up takes its time.
        var start: ContinuousClock.Instant = .now
        var database: TestDatabase?
        try await RunningServer.with { server in
            try await server.put([RunningServer.collector()])
            database = server.database
            async let events = server.send("GET", "/v1/config/events", as: [.configRead])
            async let waiting = server.send(
                "GET", "/v1/agent/config?wait=25", as: [.ingest], host: "web-1",
                headers: ["If-None-Match": try await server.tag(of: "web-1")])
            try await server.untilMetricsSay("plumb_event_streams_open 1")
            try await server.untilMetricsSay("plumb_agents_waiting 1")
            start = .now
            await server.group.triggerGracefulShutdown()
            let text: String = try await events.text
            #expect(text.contains("event: generation"))
            #expect(try await waiting.status == 304)
        }
        #expect(.now - start < .seconds(15))
        let left = try await database?.superuser("SELECT count(*) AS count FROM plumbline.instances")
        #expect(try left?.only().int("count") == 0)
    }
}

extension RunningServer {
    /// What is live once this server has loaded a state that `matches`.
    func loaded(_ matches: (ConfigSnapshot) -> Bool) async throws -> ConfigSnapshot {
        try await eventually {
            let snapshot: ConfigSnapshot = try await snapshot()
            guard matches(snapshot), let instance = snapshot.instances.first else { return nil }
            return instance.loadedDigest == snapshot.digest && instance.loadedGeneration == snapshot.generation
                ? snapshot : nil
        }
    }

    func tag(of host: String) async throws -> String {
        let answer: Answer = try await send("GET", "/v1/agent/config", as: [.ingest], host: host)
        return try #require(answer.headers["etag"])
    }
}
