import ConfigAPI
import ConfigAPIServer
import Declarations
import TestSupport
import Testing

@Suite(.serialized) struct ProxySafeModeTests {
    private static func pipeline(_ size: Int) -> ConfigChange {
        ConfigChange(
            .put([
                "source": ["file": ["path": "/nowhere/*.ndjson"]],
                "mapping": ["source": ["default": "a"], "type": ["default": "b"]], "batchSize": .integer(size),
            ]), kind: "Pipeline", name: "reading")
    }

    private func start(_ proxy: ProxyProcess) async throws {
        try await proxy.start()
        _ = try await answered("the proxy runs what is stored") {
            try await proxy.client.send("GET", "/readyz").status == 200 ? true : nil
        }
    }

    // Shows F-OP-13
    @Test(.timeLimit(.minutes(5)))
    func `a proxy that crashes three times under one generation runs no pipeline until another is loaded`()
        async throws
    {
        let proxy = try await ProxyProcess(try await TestPostgres.database(), crashLimit: 3)
        try await start(proxy)
        try await proxy.client.put([Self.pipeline(10)])
        for _ in 1...3 {
            proxy.kill()
            try await start(proxy)
        }
        let ready = try await proxy.client.send("GET", "/readyz")
        #expect(ready.json?["status"] == "degraded")
        let run = try await proxy.client.send("POST", "/v1/pipelines/reading/run", as: [.pipelines])
        #expect(run.status == 503)
        #expect(run.text.contains("safe mode: crashed 3 times"), "\(run.text)")

        try await proxy.client.put([Self.pipeline(20)])
        _ = try await answered("pipelines run") {
            try await proxy.client.send("POST", "/v1/pipelines/reading/run", as: [.pipelines]).status == 202
                ? true : nil
        }
        #expect(try await proxy.client.send("GET", "/readyz").json?["status"] == "ready")
        proxy.stop()
    }
}
