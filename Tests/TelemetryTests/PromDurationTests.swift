import Telemetry
import Testing

@Suite struct PromDurationTests {
    @Test(arguments: [
        ("0", 0, "0s"), ("0s", 0, "0s"), ("1ms", 1, "1ms"), ("90s", 90_000, "1m30s"), ("60m", 3_600_000, "1h"),
        ("1h30m", 5_400_000, "1h30m"), ("24h", 86_400_000, "1d"), ("7d", 604_800_000, "1w"),
        ("8d", 691_200_000, "8d"), ("365d", 31_536_000_000, "1y"), ("366d", 31_622_400_000, "366d"),
        ("1y1w1d1h1m1s1ms", 32_230_861_001, "373d1h1m1s1ms"), ("1000000ms", 1_000_000, "16m40s"),
    ])
    func aDurationIsReadAndWrittenInItsShortestForm(text: String, milliseconds: Int64, canonical: String) throws {
        let span = try #require(PromDuration(text))
        #expect(span.milliseconds == milliseconds)
        #expect(span.description == canonical)
        #expect(PromDuration(canonical) == span)
    }

    @Test(arguments: [
        "", "1", "s", "1s1m", "1s1s", "-1s", "1.5h", "1 s", " 1s", "1s ", "1S", "1µs", "1sm", "00",
        "99999999999999999999s",
        "300000000y", "9223372036854775807ms1", "1d1w", "٣s",
    ])
    func whatIsNoDurationIsRefused(text: String) { #expect(PromDuration(text) == nil) }

    @Test func theLargestSpansAreHeldAndLargerOnesRefused() throws {
        #expect(try #require(PromDuration("9223372036854775807ms")).milliseconds == .max)
        #expect(PromDuration("9223372036854775808ms") == nil)
        #expect(PromDuration("292277024y") != nil)
        #expect(PromDuration("292471209y") == nil)
    }

    @Test func everySpanSurvivesWritingAndReading() {
        var random = SystemRandomNumberGenerator()
        for magnitude in 1...62 {
            let span = PromDuration.milliseconds(Int64.random(in: 0..<(1 << Int64(magnitude)), using: &random))
            #expect(PromDuration(span.description) == span, "\(span.milliseconds)")
        }
        #expect(PromDuration.milliseconds(.min).description.hasPrefix("-"))
    }
}
