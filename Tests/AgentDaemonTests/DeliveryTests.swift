@testable import AgentDaemon
import ConfigAPI
import Declarations
import Delivery
import Glibc
import Runtime
import Synchronization
import Telemetry
import Testing

private let load = collector("load", "load", every: "1s")

/// Waits until the counting series holds 1, 2, 3, … without a gap at least up to `count`.
private func expectWhole(_ server: FakeServer, upTo count: Int) async throws {
    try await eventually("\(count) frames stored") { server.values("node_load1", producer: "load").count >= count }
    let values: [Double] = server.values("node_load1", producer: "load")
    #expect(values == (1...values.count).map(Double.init))
}

@Suite struct DeliveryTests {
    // Shows F-AG-12
    @Test func framesArriveUnderTheResourcesNameWithItsLabels() async throws {
        try await withServer { server, harness in
            var item: AgentConfig.Item = load
            item.spec = ["source": "load", "interval": "1s", "labels": ["site": "fra"]]
            server.send(config(1, [item]))
            try await harness.running {
                try await eventually("frames") { server.times(producer: "load").count >= 3 }
            }
            #expect(
                server.series(producer: "load") == [
                    #"node_load1{site="fra"}"#, #"node_load15{site="fra"}"#, #"node_load5{site="fra"}"#,
                    #"node_procs_blocked{site="fra"}"#, #"node_procs_running{site="fra"}"#,
                    #"node_scrape_collector_duration_seconds{collector="loadavg",site="fra"}"#,
                    #"node_scrape_collector_success{collector="loadavg",site="fra"}"#,
                ])
            #expect(server.requests.allSatisfy { $0.body["host"] == "web-1" })
            #expect(server.requests.allSatisfy { $0.points <= 1000 })
        }
    }

    // Shows W-A-07
    @Test func anAnswerThatIsLostCostsADuplicateAndNoFrame() async throws {
        let server = FakeServer { $0.number % 3 == 1 ? .storeAndFail(503) : .accept }
        try await withServer(server) { server, harness in
            server.send(config(1, [load]))
            try await harness.running { try await expectWhole(server, upTo: 10) }
            #expect(server.duplicates > 0)
        }
    }

    // Shows F-AG-15 W-A-01
    @Test func aRefusedTokenLosesNothingAndANewOneIsTakenUpWithoutARestart() async throws {
        try await withServer { server, harness in
            server.send(config(1, [load]))
            try await harness.running {
                try await expectWhole(server, upTo: 2)
                server.accept(token: "token-2")
                let refused: Int = server.requests.count
                try await eventually("refusals") { server.requests.count >= refused + 3 }
                try harness.setToken("token-2")
                try await expectWhole(server, upTo: harness.files.loadReads + 2)
            }
        }
    }

    // Shows F-AG-14 W-A-02
    @Test func aBusyServerIsLeftAloneForAsLongAsItAsks() async throws {
        // Ten seconds are half a second on the clock of this test; the agent's own first wait is 25 ms at most.
        let server = FakeServer { $0.number == 1 ? .refuse(429, retryAfter: 10) : .accept }
        try await withServer(server) { server, harness in
            server.send(config(1, [load]))
            try await harness.running {
                try await expectWhole(server, upTo: 3)
                // Before the stop, which may cut off a request and send it again.
                #expect(server.duplicates == 0)
            }
            let requests: [FakeServer.Request] = server.requests
            #expect(requests[1].receivedAt - requests[0].receivedAt >= .milliseconds(490))
        }
    }

    // Shows F-AG-14
    @Test(arguments: [408, 500, 503, 404, 403]) func everyFailureThatMayPassIsRetried(status: Int) async throws {
        let server = FakeServer { $0.number <= 2 ? .refuse(status) : .accept }
        try await withServer(server) { server, harness in
            server.send(config(1, [load]))
            try await harness.running { try await expectWhole(server, upTo: 4) }
        }
    }

    // Shows F-AG-12 F-AG-14
    @Test func whatIsTooLargeIsSentInParts() async throws {
        let server = FakeServer { $0.points > 3 ? .refuse(413) : .accept }
        try await withServer(server) { server, harness in
            server.send(config(1, [load]))
            try await harness.running {
                try await expectWhole(server, upTo: 3)
                try await eventually("all series") { server.series(producer: "load").count == 7 }
            }
        }
    }

    // Shows F-AG-14 W-A-03
    @Test func onePoisonPointIsGivenUpAloneAndCounted() async throws {
        let server = FakeServer { request in
            let isPoisoned: Bool = (request.body["batches"]?.array ?? []).contains { batch in
                (batch["frames"]?.array ?? []).contains { $0["values"]?.array?.contains(3) == true }
                    && (batch["series"]?.array ?? []).contains { $0["name"] == "node_load1" }
                    && zipped(batch, "node_load1").contains(3)
            }
            return isPoisoned ? .refuse(400) : .accept
        }
        try await withServer(server) { server, harness in
            server.send(config(1, [load]))
            try await harness.running {
                try await eventually("the frames behind it") {
                    server.values("node_load1", producer: "load").count >= 6
                        && server.values("plumb_agent_dropped_samples_total{reason=\"refused\"}", producer: "agent")
                            .last == 1
                }
            }
            let values: [Double] = server.values("node_load1", producer: "load")
            #expect(values == [1, 2] + (4...values.count + 1).map(Double.init))
            // The other series of the poisoned frame did arrive.
            let fives: [Double] = server.values("node_load5", producer: "load")
            #expect(fives.count == values.count + 1)
        }
    }

    // Shows F-AG-13
    @Test func aServerThatGoesAndComesBackGetsEverything() async throws {
        let server = FakeServer()
        server.send(config(1, [load]))
        let harness: AgentHarness = try await server.serving {
            try AgentHarness(server, clock: FastClock())
        }
        // The server is away before the agent starts, comes, goes and comes back.
        try Files.write(ConfigDocument.text([load], received: config(1, [load])), to: harness.configPath)
        try await harness.running {
            try await eventually("collection without a server") { harness.files.loadReads >= 5 }
            try await server.serving { try await expectWhole(server, upTo: 5) }
            let reads: Int = harness.files.loadReads
            try await eventually("collection without a server") { harness.files.loadReads >= reads + 10 }
            try await server.serving { try await expectWhole(server, upTo: reads + 10) }
        }
    }

    // Shows F-AG-20 W-A-19
    @Test func stoppingDeliversWhatIsQueued() async throws {
        // The agent waits long before it ships, so the frames of the last moments are queued when it stops.
        try await withServer { server, harness in
            server.send(config(1, [load]))
            try await harness.running(adjust: { $0.linger = .seconds(3600) }) {
                try await eventually("frames in the queue") { harness.files.loadReads >= 5 }
                #expect(server.requests.isEmpty)
            }
            try await expectWhole(server, upTo: 5)
        }
    }

    // Shows F-AG-13 F-AG-20 W-A-19
    @Test func whatCannotBeDeliveredBeforeTheEndIsSentAfterTheNextStart() async throws {
        let server = FakeServer()
        server.send(config(1, [load]))
        let harness: AgentHarness = try await server.serving {
            try AgentHarness(server, clock: FastClock())
        }
        try Files.write(ConfigDocument.text([load], received: config(1, [load])), to: harness.configPath)
        try await harness.running { try await eventually("frames") { harness.files.loadReads >= 5 } }
        let reads: Int = harness.files.loadReads
        try await server.serving {
            try await harness.running {
                try await eventually("all frames") {
                    server.values("node_load1", producer: "load").count > reads
                }
                try await eventually("nothing waits on disk") {
                    server.values("plumb_agent_spool_frames", producer: "agent").last == 0
                }
            }
        }
        let values: [Double] = server.values("node_load1", producer: "load")
        // The read that was underway at the stop may have been given up; nothing else is missing.
        #expect(values.filter { $0 < Double(reads) } == (1..<reads).map(Double.init))
    }

    // Shows F-AG-13
    @Test func theOldestFramesAreDroppedAndCountedWhenTheQueueIsFull() async throws {
        let isOpen = Mutex(false)
        let server = FakeServer { _ in isOpen.withLock { $0 } ? .accept : .refuse(503) }
        try await withServer(server) { server, harness in
            server.send(config(1, [load]))
            let adjust: (inout AgentConfiguration) -> Void = {
                $0.queue.frames = 4
                $0.spool.bytes = 0
            }
            try await harness.running(adjust: adjust) {
                try await eventually("more frames than fit") { harness.files.loadReads >= 12 }
                isOpen.withLock { $0 = true }
                try await eventually("what is left") {
                    (server.values(
                        "plumb_agent_dropped_samples_total{reason=\"queueFull\"}", producer: "agent"
                    ).last ?? 0) >= 6
                }
            }
            #expect(server.values("node_load1", producer: "load").contains(1) == false)
        }
    }

    @Test func theOffsetOfTheClockIsMeasuredAndReported() async throws {
        try await withServer { server, harness in
            server.setClock(ahead: .minutes(5))
            server.send(config(1, [load]))
            try await harness.running {
                try await eventually("an offset") {
                    guard let offset = server.statuses.last?.clockOffsetMilliseconds else { return false }
                    return abs(offset + 300_000) < 5000
                }
            }
        }
    }
}

/// The values of one series of a batch.
private func zipped(_ batch: JSONValue, _ name: String) -> [Double] {
    guard let place = batch["series"]?.array?.firstIndex(where: { $0["name"]?.string == name }) else { return [] }
    return (batch["frames"]?.array ?? []).compactMap { frame in
        guard let values = frame["values"]?.array, place < values.count else { return nil }
        return values[place].number
    }
}
