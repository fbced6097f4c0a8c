@testable import AgentDaemon
import ConfigAPI
import Declarations
import Delivery
import Glibc
import Runtime
import Synchronization
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

    @Test func theSpoolHasASizeAndAnAge() throws {
        let environment = ["PLUMB_TOKEN_FILE": "/t", "PLUMB_SPOOL_SIZE": "1GiB"]
        let configuration: AgentConfiguration = try settings { $0.spoolAge = "2d" }.configuration { environment[$0] }
        #expect(configuration.spool.bytes == 1 << 30)
        #expect(configuration.spool.age == .days(2))
        for size in ["many", "1MiB", "-1", "99999999999999GiB", "8 MiB"] {
            #expect(throws: AgentSettings.Problem.self) {
                try settings { $0.spoolSize = size }.configuration { environment[$0] }
            }
        }
        #expect(try settings { $0.spoolSize = "0" }.configuration { environment[$0] }.spool.bytes == 0)
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

@Suite struct RetryAfterTests {
    // Shows F-AG-14
    @Test func aSpanIsSecondsOrUntilADate() {
        let now = Timestamp(rfc3339: "1994-11-06T08:49:00Z") ?? Timestamp(seconds: 0)
        #expect(RetryAfter.span("120", now: now) == .seconds(120))
        #expect(RetryAfter.span("-5", now: now) == .zero)
        #expect(RetryAfter.span("99999999999999", now: now) == .seconds(86_400))
        #expect(RetryAfter.span("Sun, 06 Nov 1994 08:49:37 GMT", now: now) == .seconds(37))
        #expect(RetryAfter.span("Sun, 06 Nov 1994 08:48:00 GMT", now: now) == .zero)
        #expect(RetryAfter.span("Wed, 06 Nov 9999 08:49:37 GMT", now: now) == .seconds(86_400))
        for header in ["", "soon", "1.5", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 CET"]
            + ["Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 6 Nov 1994 08:49:37 GMT", "     "]
        {
            #expect(RetryAfter.span(header, now: now) == nil, "\(header)")
        }
    }
}

@Suite struct ClockStepTests {
    @Test func aClockThatIsSetIsNoticedAndOneThatDriftsIsNot() {
        var step = ClockStep()
        let start = Timestamp(seconds: 1_800_000_000)
        #expect(step.look(wall: start, elapsed: .zero) == nil)
        #expect(step.look(wall: start + .milliseconds(1100), elapsed: .seconds(1)) == nil)
        #expect(step.look(wall: start + .hours(1), elapsed: .milliseconds(1100)) == .milliseconds(3_598_800))
        #expect(step.look(wall: start + .hours(1) + .seconds(1), elapsed: .milliseconds(2100)) == nil)
        #expect(step.look(wall: start, elapsed: .milliseconds(2100)) == .milliseconds(-3_601_000))
    }

    @Test func aMeasurementThatAStepFellIntoDoesNotCount() {
        let time = Mutex(Timestamp(seconds: 1_800_000_000))
        let offset = ClockOffset()
        let watch = ClockWatch(
            clocks: AgentClocks { time.withLock { $0 } }, offset: offset, logger: quietLogger)
        watch.look()
        let sentAt: Timestamp = time.withLock { $0 }
        for step in [PromDuration.hours(1), .hours(-2)] {
            time.withLock { $0 = $0 + step }
            watch.measured(sentAt: sentAt, roundTrip: .milliseconds(5), serverTime: sentAt)
            #expect(offset.offset == nil)
        }
        #expect(offset.steps.count == 2)
        let now: Timestamp = time.withLock { $0 }
        watch.measured(sentAt: now, roundTrip: .milliseconds(10), serverTime: now)
        #expect(offset.offset == .milliseconds(5))
    }

    @Test func measurementsFromBeforeAStepDoNotCount() {
        let offset = ClockOffset()
        let sent = Timestamp(milliseconds: 10_000)
        offset.measured(sentAt: sent, roundTrip: .milliseconds(1), serverTime: sent)
        offset.stepped(by: .hours(1))
        #expect(offset.offset == nil)
        offset.measured(sentAt: sent + .hours(1), roundTrip: .seconds(1), serverTime: sent)
        #expect(offset.offset == .milliseconds(3_600_500))
        #expect(offset.steps == [.hours(1)])
    }
}
