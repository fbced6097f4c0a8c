@testable import AgentDaemon
import ConfigAPI
import Declarations
import Glibc
import HostSystem
import Runtime
import Telemetry
import Testing

@Suite struct ObedienceTests {
    // Shows F-AG-09
    @Test func anIntervalChangesAtOnceAndLeavesOtherCollectorsAlone() async throws {
        try await withServer { server, harness in
            let memory = collector("memory", "memory", every: "1h")
            server.send(config(1, [collector("load", "load", every: "1h"), memory]))
            try await harness.running {
                try await eventually("a frame of each") {
                    server.times(producer: "load").count == 1 && server.times(producer: "memory").count == 1
                }
                server.send(config(2, [collector("load", "load", every: "2s"), memory]))
                try await eventually("frames at the new interval") { server.times(producer: "load").count >= 6 }
                #expect(server.times(producer: "memory").count == 1)
                let times: [Int] = Array(server.times(producer: "load").dropFirst())
                // Two seconds are 100 ms on this clock. Ticks stand on a grid: lateness of one is not passed on.
                #expect(times[4] - times[0] >= 350)
            }
        }
    }

    // Shows F-AG-09
    @Test func aCollectorWhoseSourceNeedsAThreadOfItsOwnGoesOn() async throws {
        try await withServer { server, harness in
            try await harness.running {
                for (number, (source, series)) in [
                    ("load", "node_load1"), ("cpu", #"node_cpu_seconds_total{cpu="0",mode="user"}"#),
                    ("memory", "node_memory_MemTotal_bytes"),
                ].enumerated() {
                    server.send(config(number + 1, [collector("one", source, every: "1s")]))
                    try await eventually("frames of \(source)") {
                        server.values(series, producer: "one").count >= 3
                    }
                }
                try await eventually("a report") {
                    server.statuses.last?.running.resources.map(\.state) == [.running]
                }
            }
        }
        #expect(CollectorSpec.Source.load.readsCountersOnly && !CollectorSpec.Source.cpu.readsCountersOnly)
    }

    // Shows F-AG-10
    @Test func aCollectorThatFailsIsReportedAndStopsNoOther() async throws {
        try await withServer { server, harness in
            harness.files.breakMemory()
            server.send(
                config(1, [collector("load", "load", every: "1s"), collector("memory", "memory", every: "1s")]))
            try await harness.running {
                try await eventually("frames of the other") { server.times(producer: "load").count >= 3 }
                try await eventually("a report") {
                    server.statuses.last?.running.resources.map(\.state) == [.running, .failing]
                }
                let failing: AgentStatus.Item? = server.statuses.last?.running.resources.last
                #expect(failing?.error == "cannot read /proc/meminfo: No such file or directory")
                let success = #"node_scrape_collector_success{collector="meminfo"}"#
                try await eventually("a series that says so") {
                    server.values(success, producer: "memory").last == 0
                }
            }
        }
    }

    @Test func aStatusSaysWhatRunsAndWho() async throws {
        try await withServer { server, harness in
            let sent: AgentConfig = config(7, [collector("load", "load", every: "1s")])
            server.send(sent)
            try await harness.running {
                try await eventually("a status") { server.statuses.last?.running.digest == sent.digest }
            }
            let status: AgentStatus = try #require(server.statuses.last)
            #expect(status.host == "web-1")
            #expect(status.bootId == "boot-1")
            #expect(status.agentId.utf8.count == 32)
            #expect(status.facts["os"] == "debian")
            #expect(status.running.storeId == "store-1")
            #expect(status.running.generation == 7)
            #expect(status.running.resources.map(\.spec) == sent.resources.map(\.spec))
            #expect(status.file.digest == sent.digest)
            #expect(status.file.receivedDigest == sent.digest)
            #expect(status.file.error == nil)
        }
    }

    @Test func anEditOfTheFileIsObeyedWithinASecondReportedAndUndoneByAResyncAlone() async throws {
        try await withServer(clock: ContinuousClock()) { server, harness in
            let declared: AgentConfig.Item = collector("load", "load", every: "1h")
            let memory: AgentConfig.Item = collector("memory", "memory", every: "1h")
            let sent: AgentConfig = config(1, [declared, memory])
            server.send(sent)
            try await harness.running {
                try await eventually("a status") { server.statuses.last?.file.digest == sent.digest }
                let edited: AgentConfig = config(1, [collector("load", "load", every: "2h"), memory])
                let start = ContinuousClock.now
                try harness.edit(try harness.config().replacing(#""1h","#, with: #""2h","#, maxReplacements: 1))
                try await eventually("a status of the edit") { server.statuses.last?.running.digest == edited.digest }
                #expect(ContinuousClock.now - start < .milliseconds(1800))
                let status: AgentStatus = try #require(server.statuses.last)
                #expect(status.file.digest == edited.digest)
                #expect(status.file.receivedDigest == sent.digest)
                #expect(status.file.owner == userName(currentUserID()))
                let changedAt: Timestamp = try #require(status.file.changedAt)
                #expect(abs((Timestamp.now() - changedAt).milliseconds) < 10_000)
                // Something else changes: the edit stays.
                let faster: AgentConfig.Item = collector("memory", "memory", every: "3h")
                server.send(config(2, [declared, faster]))
                let both: AgentConfig = config(2, [collector("load", "load", every: "2h"), faster])
                try await eventually("the other change") { server.statuses.last?.running.digest == both.digest }
                // Only when asked to is it undone.
                let corrected: AgentConfig = config(
                    2, [declared, faster], resyncNumber: 1, resync: ["Collector/load"])
                server.send(corrected)
                try await eventually("the correction") { server.statuses.last?.file.digest == corrected.digest }
                #expect(try !harness.config().contains("2h"))
            }
        }
    }

    struct Mistake: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var text: String
        var error: String
    }

    static let mistakes = [
        Mistake(testDescription: "no JSON", text: "{", error: "not JSON: 1:2: expected a key"),
        Mistake(testDescription: "no list", text: "{}", error: "/resources: expected a list of resources"),
        Mistake(
            testDescription: "bad interval",
            text: #"{"resources":[{"kind":"Collector","name":"load","spec":{"source":"load","interval":"1ms"}}]}"#,
            error: "Collector/load: /interval: "),
        Mistake(
            testDescription: "unknown kind",
            text: #"{"resources":[{"kind":"Collectr","name":"load","spec":{}}]}"#,
            error: #"Collectr/load: this agent does not know the kind "Collectr""#),
        Mistake(
            testDescription: "the same twice",
            text: #"{"resources":[{"kind":"A","name":"x","spec":{}},{"kind":"A","name":"x","spec":{}}]}"#,
            error: "/resources/1: A/x is there twice"),
    ]

    @Test(arguments: mistakes) func anInvalidEditIsReportedAndWhatRunsIsKept(mistake: Mistake) async throws {
        try await withServer { server, harness in
            let sent: AgentConfig = config(1, [collector("load", "load", every: "1s")])
            server.send(sent)
            try await harness.running {
                try await eventually("a status") { server.statuses.last?.file.digest == sent.digest }
                try harness.edit(mistake.text)
                // Between truncating and writing the file is empty, and the agent may say so first.
                try await eventually("a report of \(mistake.error)") {
                    server.statuses.last?.file.error?.hasPrefix(mistake.error) == true
                }
                let status: AgentStatus = try #require(server.statuses.last)
                #expect(status.file.digest == nil)
                #expect(status.running.digest == sent.digest)
                let frames: Int = server.times(producer: "load").count
                try await eventually("more frames") { server.times(producer: "load").count >= frames + 3 }
                // A resync sets the file right, and the edit is kept beside it.
                server.send(
                    config(1, sent.resources, resyncNumber: 1, resync: ["Collector/load"]))
                try await eventually("the correction") { server.statuses.last?.file.digest == sent.digest }
                #expect(try Files.text("\(harness.folder)/state/config.refused.json") == mistake.text)
            }
        }
    }

    @Test func anInvalidFileAtStartLeavesTheLastReceivedConfigRunning() async throws {
        try await withServer { server, harness in
            let sent: AgentConfig = config(1, [collector("load", "load", every: "1s")])
            server.send(sent)
            try await harness.running {
                try await eventually("a status") { server.statuses.last?.file.digest == sent.digest }
            }
            try harness.edit("oops")
            let reads: Int = harness.files.loadReads
            try await harness.running {
                try await eventually("collection") { harness.files.loadReads > reads + 1 }
                try await eventually("a report") { server.statuses.last?.file.error != nil }
            }
        }
    }

    @Test func ofTwoCollectorsOfOneSourceOneIsReportedShadowed() async throws {
        try await withServer { server, harness in
            server.send(config(1, [collector("load", "load", every: "1s")]))
            try await harness.running {
                try await eventually("frames") { server.times(producer: "load").count >= 1 }
                let both = [
                    collector("load", "load", every: "1s"), collector("mine", "load", every: "1s", priority: 5),
                ]
                try harness.edit(String(decoding: ConfigDocument.text(both, received: config(1, both)), as: UTF8.self))
                try await eventually("a report") {
                    server.statuses.last?.running.resources.map(\.state) == [.shadowed, .running]
                }
                #expect(
                    server.statuses.last?.running.resources.first?.error
                        == "Collector/mine collects the same source and comes first")
                try await eventually("frames of the other") { server.times(producer: "mine").count >= 2 }
            }
        }
    }

    @Test func aResourceOfANewerServerIsRejectedAloneAndTheRestRuns() async throws {
        try await withServer { server, harness in
            let newer = AgentConfig.Item(kind: "Telescope", name: "t", spec: ["lens": 3], digest: "00")
            server.send(config(1, [collector("load", "load", every: "1s"), newer]))
            try await harness.running {
                try await eventually("frames") { server.times(producer: "load").count >= 2 }
                try await eventually("a report") {
                    server.statuses.last?.running.resources.map(\.state) == [.running, .rejected]
                }
                #expect(server.statuses.last?.file.error == nil)
            }
            // Also when it is read back from the file.
            let reads: Int = harness.files.loadReads
            try await harness.running {
                try await eventually("collection") { harness.files.loadReads > reads + 1 }
                try await eventually("a report") { server.statuses.last?.file.digest != nil }
            }
        }
    }

    @Test func aSecondAgentInOneFolderIsRefused() async throws {
        try await withServer { server, harness in
            server.send(config(1, [collector("load", "load", every: "1s")]))
            try await harness.running {
                try await eventually("frames") { server.times(producer: "load").count >= 1 }
                await #expect(throws: FileError.self) { try await harness.running {} }
            }
        }
    }
}
