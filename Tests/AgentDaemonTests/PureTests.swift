@testable import AgentDaemon
import ConfigAPI
import Declarations
import Glibc
import Runtime
import Telemetry
import Testing
import WireFormats

@Suite struct ConfigMergeTests {
    private func item(_ digest: String) -> AgentConfig.Item {
        AgentConfig.Item(kind: "Collector", name: "x", spec: ["content": .string(digest)], digest: digest)
    }

    private func config(_ digest: String?, resync: Bool = false) -> AgentConfig {
        AgentConfig(
            storeId: "s", generation: 1, digest: "", resources: digest.map { [item($0)] } ?? [],
            resync: resync ? ["Collector/x"] : [])
    }

    struct Row: Sendable, CustomTestStringConvertible {
        var before: String?
        var now: String?
        var local: String?
        var resync = false
        var after: String?
        var testDescription: String {
            "\(before ?? "-") \(now ?? "-") \(local ?? "-")\(resync ? " resync" : "") → \(after ?? "-")"
        }
    }

    static let rows = [
        Row(before: "d", now: "d", local: "d", after: "d"),
        Row(before: "d", now: "d", local: "hand", after: "hand"),
        Row(before: "d", now: "d", local: nil, after: nil),
        Row(before: "d", now: "e", local: "d", after: "e"),
        Row(before: "d", now: "e", local: "hand", after: "e"),
        Row(before: "d", now: "e", local: nil, after: "e"),
        Row(before: nil, now: "d", local: nil, after: "d"),
        Row(before: nil, now: "d", local: "hand", after: "d"),
        Row(before: "d", now: nil, local: "d", after: nil),
        Row(before: "d", now: nil, local: "hand", after: nil),
        Row(before: "d", now: nil, local: nil, after: nil),
        Row(before: nil, now: nil, local: "hand", after: "hand"),
        Row(before: "d", now: "d", local: "hand", resync: true, after: "d"),
        Row(before: "d", now: "d", local: nil, resync: true, after: "d"),
        Row(before: nil, now: nil, local: "hand", resync: true, after: nil),
    ]

    @Test(arguments: rows) func aResourceIsTakenFromTheServerOrKept(row: Row) {
        let merged: [AgentConfig.Item] = ConfigMerge.merged(
            received: config(row.now, resync: row.resync), after: config(row.before),
            into: row.local.map { [item($0)] } ?? [])
        #expect(merged.map(\.digest) == (row.after.map { [$0] } ?? []))
    }

    @Test func theFirstReceivedConfigReplacesTheWholeFile() {
        let merged: [AgentConfig.Item] = ConfigMerge.merged(
            received: config("d"), after: nil, into: [item("hand")])
        #expect(merged.map(\.digest) == ["d"])
    }
}

@Suite struct OutboxTests {
    private func frame(_ time: Int64, points: Int = 4, producer: String = "p") -> CollectedFrame {
        CollectedFrame(
            producer: producer, series: (0..<points).map { Series("s\($0)") }, time: Timestamp(milliseconds: time),
            values: (0..<points).map { Double($0) })
    }

    private func limits(frames: Int = 100, bytes: Int = 1 << 20, points: Int = 10) -> Outbox.Limits {
        var limits = Outbox.Limits()
        limits.frames = frames
        limits.bytes = bytes
        limits.pointsPerRequest = points
        return limits
    }

    // Shows F-AG-12
    @Test func aRequestCarriesAsManyWholeFramesAsFit() {
        var outbox = Outbox(limits: limits())
        for time in 1...5 { outbox.append(frame(Int64(time))) }
        #expect(outbox.take()?.map(\.time.milliseconds) == [1, 2])
        #expect(outbox.take() == nil)
        outbox.delivered()
        #expect(outbox.take()?.map(\.time.milliseconds) == [3, 4])
        outbox.returned()
        #expect(outbox.contents.map(\.time.milliseconds) == [3, 4, 5])
    }

    // Shows F-AG-12
    @Test func aFrameThatIsTooLargeForOneRequestIsCutIntoPartsWithDifferentSeries() {
        var outbox = Outbox(limits: limits())
        outbox.append(frame(1, points: 25))
        var sizes: [Int] = []
        var names: [String] = []
        while let frames = outbox.take() {
            sizes.append(frames.reduce(0) { $0 + $1.points })
            names += frames.flatMap { $0.series.map(\.name) }
            outbox.delivered()
        }
        #expect(sizes == [10, 10, 5])
        #expect(names == (0..<25).map { "s\($0)" })
        #expect(outbox.bytes == 0)
    }

    // Shows F-AG-13
    @Test func theOldestFrameGivesWayAndIsCounted() {
        var outbox = Outbox(limits: limits(frames: 3))
        for time in 1...5 { outbox.append(frame(Int64(time))) }
        #expect(outbox.contents.map(\.time.milliseconds) == [3, 4, 5])
        #expect(outbox.droppedFrames == 2)
        var small = Outbox(limits: limits(bytes: frame(1).bytes * 2))
        for time in 1...5 { small.append(frame(Int64(time))) }
        #expect(small.contents.map(\.time.milliseconds) == [4, 5])
    }

    // Shows F-AG-14 W-A-03
    @Test func aRefusedPointIsFoundByHalvingAndEverythingElseIsDelivered() {
        for poison in 0..<32 {
            var outbox = Outbox(limits: limits(points: 32))
            for time in 1...8 { outbox.append(frame(Int64(time))) }
            var delivered = 0
            var requests = 0
            while let frames = outbox.take() {
                requests += 1
                let isPoisoned: Bool = frames.contains { frame in
                    frame.time.milliseconds == Int64(poison / 4) + 1
                        && frame.series.contains(Series("s\(poison % 4)"))
                }
                if isPoisoned {
                    _ = outbox.refused()
                } else {
                    delivered += frames.reduce(0) { $0 + $1.points }
                    outbox.delivered()
                }
            }
            #expect(delivered == 31)
            #expect(outbox.deadPoints == 1)
            #expect(outbox.bytes == 0)
            #expect(requests < 30)
        }
    }

    @Test func framesOfOneProducerAndListShareABatch() {
        let batches: [FrameBatch] = Outbox.batches(
            [frame(1), frame(2, producer: "q"), frame(3), frame(4, points: 2)], host: "h")
        #expect(batches.map(\.source.producer) == ["p", "q", "p"])
        #expect(batches.map { $0.frames.map(\.time.milliseconds) } == [[1, 3], [2], [4]])
    }

    /// Whatever happens to requests, each point comes out once or is accounted for.
    @Test func nothingIsLostOrDoubledInAnyOrderOfEvents() {
        var random = Seeded(state: 5)
        for _ in 0..<200 {
            var outbox = Outbox(limits: limits(frames: 20, points: Int.random(in: 1...20, using: &random)))
            var appended = 0
            var delivered: Set<String> = []
            for step in 0..<200 {
                switch Int.random(in: 0...3, using: &random) {
                case 0:
                    outbox.append(frame(Int64(step), points: Int.random(in: 1...9, using: &random)))
                    appended += 1
                default:
                    guard let frames = outbox.take() else { continue }
                    switch Int.random(in: 0...3, using: &random) {
                    case 0: outbox.returned()
                    case 1: _ = outbox.refused()
                    default:
                        for frame in frames {
                            for series in frame.series {
                                #expect(delivered.insert("\(frame.time.milliseconds) \(series)").inserted)
                            }
                        }
                        outbox.delivered()
                    }
                }
                // Frames that are cut while a culprit is looked for are a few more for that time.
                #expect(outbox.frames <= 20 + 8)
                #expect(outbox.bytes == outbox.contents.reduce(0) { $0 + $1.bytes })
            }
        }
    }
}

/// A generator whose numbers repeat from run to run (SplitMix64).
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed: UInt64 = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

@Suite struct TickScheduleTests {
    // Shows F-AG-09
    @Test func aLateTickDelaysNoOtherAndMissedOnesAreLeftOut() {
        var schedule = TickSchedule(interval: .seconds(10))
        #expect(schedule.wait(after: .seconds(1)) == .seconds(9))
        #expect(schedule.wait(after: .seconds(14)) == .seconds(6))
        #expect(schedule.wait(after: .seconds(20)) == .seconds(10))
        #expect(schedule.missed == 0)
        #expect(schedule.wait(after: .seconds(57)) == .seconds(3))
        #expect(schedule.missed == 2)
        #expect(schedule.wait(after: .milliseconds(60_001)) == .milliseconds(9_999))
    }
}

@Suite struct SeriesListTests {
    private func measured(_ names: [String]) -> [(series: Series, value: Double)] {
        names.map { (Series($0), 1) }
    }

    @Test func theListStaysWhenASeriesIsAbsentAndGrowsByName() {
        var list = SeriesList()
        #expect(list.values(of: measured(["b", "a"]), at: Timestamp(milliseconds: 0)) == [1, 1])
        #expect(list.values(of: measured(["b"]), at: Timestamp(milliseconds: 1)) == [nil, 1])
        #expect(list.series.map(\.name) == ["a", "b"])
        #expect(list.values(of: measured(["ab", "b"]), at: Timestamp(milliseconds: 2)) == [nil, 1, 1])
        #expect(list.series.map(\.name) == ["a", "ab", "b"])
    }

    @Test func theListIsMadeAnewWhenHalfOfItWasAbsentForAnHour() {
        var list = SeriesList()
        _ = list.values(of: measured(["a", "b", "c"]), at: Timestamp(seconds: 0))
        #expect(list.values(of: measured(["a"]), at: Timestamp(seconds: 10)) == [1, nil, nil])
        #expect(list.values(of: measured(["a"]), at: Timestamp(seconds: 3600)) == [1, nil, nil])
        #expect(list.values(of: measured(["a"]), at: Timestamp(seconds: 3610)) == [1])
    }
}

@Suite struct ShipmentVerdictTests {
    // Shows F-AG-14
    @Test func onlyWhatCanNeverBeTakenIsRefused() {
        for status in 100..<600 {
            let verdict = ShipmentVerdict(status: status, retryAfter: .seconds(7))
            switch status {
            case 200..<300: #expect(verdict == .delivered)
            case 400, 413, 415, 422: #expect(verdict == .refused)
            default: #expect(verdict == .later(.seconds(7)))
            }
        }
    }
}

@Suite struct SpoolTests {
    private let frames = [
        CollectedFrame(
            producer: "p", series: [Series("a", ["x": "\"1\""]), Series("b")], time: Timestamp(milliseconds: 1),
            values: [1.5, nil]),
        CollectedFrame(
            producer: "q", series: [Series("c")], time: Timestamp(milliseconds: 2), values: [-.infinity]),
    ]

    private func withPath(_ body: (String) throws -> Void) throws {
        let path = "/tmp/plumb-spool-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        defer { unlink(path) }
        try body(path)
    }

    @Test func whatIsWrittenIsReadBack() throws {
        try withPath { path in
            try Spool(path: path).write(frames)
            #expect(try Spool(path: path).read() == frames)
            try Spool(path: path).write([])
            #expect(try Spool(path: path).read() == [])
        }
    }

    @Test func aFileThatWasCutOrChangedIsRefusedAsAWhole() throws {
        try withPath { path in
            try Spool(path: path).write(frames)
            let whole: [UInt8] = try Files.read(path)
            for place in 0..<whole.count {
                var changed: [UInt8] = whole
                changed[place] ^= 1
                try Files.write(changed, to: path)
                #expect(throws: FileError.self) { try Spool(path: path).read() }
            }
            try Files.write(whole.dropLast(), to: path)
            #expect(throws: FileError.self) { try Spool(path: path).read() }
        }
    }
}

@Suite struct NativeEncoderTests {
    @Test func aBatchHasOneListOfSeriesAndAValueForEach() {
        let batch = FrameBatch(
            source: Source(host: "web-1", producer: "cpu"),
            series: [Series("node_cpu_seconds_total", ["cpu": "0", "mode": "idle"]), Series("up")],
            frames: [
                Frame(time: Timestamp(milliseconds: 1_732_147_200_000), values: [1.5, nil]),
                Frame(time: Timestamp(milliseconds: 1_732_147_201_000), values: [.nan, .infinity]),
            ])
        #expect(
            String(decoding: NativeEncoder.metrics(host: "web-1", batches: [batch]), as: UTF8.self)
                == #"{"batches":[{"frames":[{"time":1732147200000,"values":[1.5,null]},"#
                + #"{"time":1732147201000,"values":["NaN","+Inf"]}],"producer":"cpu","#
                + #""series":[{"labels":{"cpu":"0","mode":"idle"},"name":"node_cpu_seconds_total"},{"name":"up"}]}],"#
                + #""host":"web-1"}"#)
    }
}

@Suite struct AgentSettingsTests {
    private func settings(_ change: (inout AgentSettings) -> Void = { _ in }) -> AgentSettings {
        var settings = AgentSettings(file: "/dev/null")
        settings.file = nil
        change(&settings)
        return settings
    }

    @Test func theCommandLineComesBeforeVariables() throws {
        let environment = ["PLUMB_SERVER": "http://b:1", "PLUMB_TOKEN_FILE": "/t", "PLUMB_HOST": "h"]
        let configuration: AgentConfiguration = try settings { $0.server = "http://a:1" }
            .configuration { environment[$0] }
        #expect(configuration.server == "http://a:1")
        #expect(configuration.tokenFile == "/t")
        #expect(configuration.host == "h")
        #expect(configuration.stateDirectory == "/var/lib/plumbline/agent")
    }

    @Test func mistakesAreNamed() {
        #expect(throws: AgentSettings.Problem.self) { try settings().configuration { _ in nil } }
        #expect(throws: AgentSettings.Problem.self) {
            try settings { $0.server = "ftp://x" }.configuration { _ in "/t" }
        }
        #expect(throws: AgentSettings.Problem.self) {
            try settings { $0.file = "/no/such/file" }.configuration { _ in "http://x" }
        }
    }
}

@Suite struct ClockOffsetTests {
    @Test func theAnswerWithTheShortestWayCounts() {
        let offset = ClockOffset()
        #expect(offset.offset == nil)
        let sent = Timestamp(milliseconds: 10_000)
        offset.measured(sentAt: sent, roundTrip: .seconds(4), serverTime: Timestamp(milliseconds: 10_000))
        #expect(offset.offset == .seconds(2))
        offset.measured(sentAt: sent, roundTrip: .milliseconds(20), serverTime: Timestamp(milliseconds: 9_000))
        #expect(offset.offset == .milliseconds(1010))
    }
}
