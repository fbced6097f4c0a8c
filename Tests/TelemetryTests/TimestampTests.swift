import Telemetry
import Testing

@Suite struct TimestampTests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z"),
        ("2026-11-20T23:46:00.25Z", 1_795_218_360_250_000, "2026-11-20T23:46:00.25Z"),
        ("2026-11-21T01:46:00+02:00", 1_795_218_360_000_000, "2026-11-20T23:46:00Z"),
        ("2026-11-20T18:16:00-05:30", 1_795_218_360_000_000, "2026-11-20T23:46:00Z"),
        ("1969-12-31T23:59:59.999999Z", -1, "1969-12-31T23:59:59.999999Z"),
        ("2000-02-29t12:00:00z", 951_825_600_000_000, "2000-02-29T12:00:00Z"),
        ("2016-12-31 23:59:60Z", 1_483_228_800_000_000, "2017-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00.123456789Z", 1_767_225_600_123_456, "2026-01-01T00:00:00.123456Z"),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000_000, "0001-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59Z", 253_402_300_799_000_000, "9999-12-31T23:59:59Z"),
    ])
    func aTimeIsReadAndWrittenAsRFC3339(text: String, microseconds: Int64, canonical: String) throws {
        let time = try #require(Timestamp(rfc3339: text))
        #expect(time.microseconds == microseconds)
        #expect(time.rfc3339 == canonical)
    }

    @Test(arguments: [
        "", "2026", "2026-11-20", "2026-11-20T23:46:00", "2026-11-20T23:46Z", "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-11-31T00:00:00Z", "2026-11-20T24:00:00Z",
        "2026-11-20T23:60:00Z", "2026-11-20T23:46:61Z", "2026-11-20T23:46:00.Z", "2026-11-20T23:46:00.1234567890Z",
        "2026-11-20T23:46:00+2:00", "2026-11-20T23:46:00+24:00", "2026-11-20T23:46:00Zx", " 2026-11-20T23:46:00Z",
        "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z", "-026-01-01T00:00:00Z", "2026-11-20T23:46:00−02:00",
    ])
    func whatIsNoTimeIsRefused(text: String) { #expect(Timestamp(rfc3339: text) == nil) }

    @Test func everyDayOfFourCenturiesSurvives() {
        for day in stride(from: Int64(-80_000), through: 80_000, by: 1) {
            let date = CivilDate(daysSince1970: day)
            #expect(date.daysSince1970 == day)
            let time = Timestamp(microseconds: day * 86_400_000_000 + 1)
            if Timestamp(rfc3339: time.rfc3339) != time { Issue.record("\(time.rfc3339)") }
        }
    }

    @Test func instantsBefore1970FallIntoTheRightBucket() {
        #expect(Timestamp(microseconds: -1).milliseconds == -1)
        #expect(Timestamp(microseconds: -1).floored(to: .seconds(1)) == Timestamp(microseconds: -1_000_000))
        #expect(Timestamp(milliseconds: 61_500).floored(to: .minutes(1)) == Timestamp(milliseconds: 60_000))
        #expect(Timestamp(microseconds: 1500) - Timestamp(microseconds: 0) == .milliseconds(1))
        #expect(Timestamp(microseconds: 0) - Timestamp(microseconds: 1) == .milliseconds(-1))
    }

    @Test func arithmeticAtTheEndsOfTimeSaturates() {
        let last = Timestamp(microseconds: .max)
        let first = Timestamp(microseconds: .min)
        let longest = PromDuration.milliseconds(.max)
        #expect(last + longest == last)
        #expect(first - longest == first)
        #expect(Timestamp(microseconds: -5) - longest == first)
        #expect((last - first).milliseconds == Int64.max / 1000)
        #expect((first - last).milliseconds == Int64.min / 1000 - 1)
        #expect(Timestamp(milliseconds: .min) == first)
        #expect(Timestamp(seconds: 1e300) == last)
        #expect(Timestamp(seconds: -.infinity) == first)
        #expect(Timestamp(seconds: .nan) == Timestamp(microseconds: 0))
        #expect(Timestamp(seconds: -0.25).microseconds == -250_000)
        #expect(first.floored(to: longest) == first)
        #expect(first.rfc3339.hasSuffix("Z"))
        #expect(last.rfc3339.hasPrefix("294247-01-10T04:00:54.775807"))
    }
}
