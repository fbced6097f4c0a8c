import ConfigAPI
import ConfigAPIServer
import Database
import Declarations
import Telemetry
import TestSupport
import Testing

/// A server that is killed over and over, as a configuration that it cannot survive would kill it.
@Suite(.serialized) struct SafeModeTests {
    private static func rule(_ expression: String) -> ConfigChange {
        ConfigChange(.put(["expr": .string(expression), "every": "1s"]), kind: "AlertRule", name: "always")
    }

    /// Whether somebody evaluates alerts now.
    private func isLed(_ server: ServerProcess) async throws -> Bool {
        try await !server.database.superuser(
            "SELECT 1 FROM plumbline.leaders WHERE task = 'alerts' AND expires_at > now()"
        ).rows.isEmpty
    }

    /// Until nobody is left over who leads.
    private func untilNobodyLeads(_ server: ServerProcess) async throws {
        _ = try await answered("the last leader's lease ends") { try await isLed(server) ? nil : true }
    }

    // Shows F-OP-13
    @Test(.timeLimit(.minutes(5)))
    func `three crashes under one generation turn the engines off and leave the API on until another is loaded`()
        async throws
    {
        let server = try await ServerProcess()
        try await server.start()
        try await server.put(Self.rule("vector(1)"))
        let poison: Int = try await server.snapshot().generation
        for _ in 1...2 {
            server.kill()
            try await server.start()
            #expect(try await server.metric("plumb_safe_mode") == "plumb_safe_mode 0")
        }
        server.kill()
        try await untilNobodyLeads(server)
        try await server.start()

        #expect(try await server.metric("plumb_safe_mode") == "plumb_safe_mode 1")
        #expect(server.log.contains("safe mode: crashed 3 times within 5m of loading generation \(poison)"))
        let ready: JSONValue = try await server.send("GET", "/readyz").json
        #expect(ready["status"]?.string == "degraded")
        #expect(ready["checks"]?["engines"]?.string?.hasPrefix("safe mode: crashed 3 times") == true)
        let page: String = try await server.send("GET", "/config", as: [.query]).text
        #expect(page.contains("safe mode: crashed 3 times"), "\(page.prefix(2000))")
        _ = try await answered("the instance says so") {
            let instance = try await server.snapshot().instances.first
            return instance?.isSafeMode == true && instance?.error?.contains("safe mode") == true ? true : nil
        }
        #expect(try await !isLed(server))

        // The way out, through the API that is on.
        try await server.put(Self.rule("vector(2)"))
        _ = try await answered("the engines run") { try await isLed(server) ? true : nil }
        #expect(try await server.metric("plumb_safe_mode") == "plumb_safe_mode 0")
        #expect(server.log.contains("safe mode is left"))
        _ = try await answered("the instance says so") {
            try await server.snapshot().instances.first?.isSafeMode == false ? true : nil
        }
        try await server.stop()
    }

    @Test(.timeLimit(.minutes(5)))
    func `a stop in order is no crash, and a start after one tries the engines again`() async throws {
        let server = try await ServerProcess()
        try await server.start()
        try await server.put(Self.rule("vector(1)"))
        for _ in 1...3 {
            server.kill()
            try await server.start()
        }
        #expect(try await server.metric("plumb_safe_mode") == "plumb_safe_mode 1")
        try await server.stop()
        for _ in 1...4 {
            try await server.start()
            #expect(try await server.metric("plumb_safe_mode") == "plumb_safe_mode 0")
            try await server.stop()
        }
        // Who wants it otherwise.
        for _ in 1...4 {
            try await server.start(["PLUMB_CRASH_LIMIT": "0"])
            server.kill()
        }
        try await server.start(["PLUMB_CRASH_LIMIT": "0"])
        #expect(try await server.metric("plumb_safe_mode") == "plumb_safe_mode 0")
        try await server.stop()
    }
}
