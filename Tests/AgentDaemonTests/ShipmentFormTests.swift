@testable import AgentDaemon
import ConfigAPI
import Declarations
import Runtime
import Telemetry
import Testing

@Suite struct ShipmentFormTests {
    private let load = collector("load", "load", every: "1s")

    private func expectWhole(_ server: FakeServer, upTo count: Int) async throws {
        try await eventually("frames") { server.values("node_load1", producer: "load").count >= count }
        let values: [Double] = server.values("node_load1", producer: "load")
        #expect(values == (1...values.count).map(Double.init))
    }

    @Test func listsOfSeriesAreSentOnceAndAgainToAServerThatForgotThem() async throws {
        try await withServer { server, harness in
            server.send(config(1, [load]))
            try await harness.running {
                try await expectWhole(server, upTo: 5)
                server.forgetLayouts()
                try await expectWhole(server, upTo: 10)
                // Before the stop, which may cut off a request and send it again.
                #expect(server.duplicates == 0)
            }
            #expect(!server.sizes.isEmpty)
        }
    }

    @Test func framesAreToldFromTheLastOneThatWasDeliveredAsLongAsTheServerHasIt() async throws {
        try await withServer { server, harness in
            server.send(config(1, [load]))
            try await harness.running {
                try await expectWhole(server, upTo: 5)
                try await eventually("references") { server.referring > 0 }
                server.forgetLayouts()
                let before: Int = server.referring
                try await expectWhole(server, upTo: server.values("node_load1", producer: "load").count + 5)
                try await eventually("references again") { server.referring > before }
                #expect(server.duplicates == 0)
            }
        }
    }

    @Test func aServerThatDoesNotKnowTheCompactFormGetsJSON() async throws {
        try await withServer { server, harness in
            server.knowCompactForm(false)
            server.send(config(1, [load]))
            try await harness.running { try await expectWhole(server, upTo: 5) }
            #expect(server.sizes.isEmpty)
        }
    }

    @Test func aServerThatIsReplacedByAnOlderOneGetsJSON() async throws {
        let server = FakeServer()
        server.send(config(1, [load]))
        let harness: AgentHarness = try await server.serving { try AgentHarness(server, clock: FastClock()) }
        try await harness.running {
            try await server.serving { try await expectWhole(server, upTo: 3) }
            server.knowCompactForm(false)
            let reads: Int = harness.files.loadReads
            try await eventually("collection while it is away") { harness.files.loadReads > reads + 3 }
            try await server.serving { try await expectWhole(server, upTo: reads + 3) }
        }
        #expect(server.values("plumb_agent_dropped_samples_total{reason=\"refused\"}", producer: "agent").last == 0)
    }
}
