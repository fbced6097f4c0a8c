import Telemetry
import Testing

@Suite struct SeriesTests {
    @Test func labelsAreSortedAndEmptyOnesAreAbsent() {
        let labels: Labels = ["mode": "idle", "cpu": "0", "gone": ""]
        #expect(labels.pairs.map(\.name) == ["cpu", "mode"])
        #expect(labels["gone"] == nil)
        #expect(labels == ["cpu": "0", "mode": "idle"])
        #expect(labels.setting("cpu", to: "") == ["mode": "idle"])
        #expect(labels.removing(["mode"]) == labels.keeping(["cpu"]))
    }

    @Test func aSeriesIsWrittenAsPrometheusWritesIt() {
        #expect(Series("node_load1").description == "node_load1")
        #expect(
            Series("m", ["b": "a\\b\"c\nd", "a": "é"]).description == #"m{a="é",b="a\\b\"c\nd"}"#)
    }

    @Test func seriesAreOrderedByNameThenLabels() {
        let sorted: [Series] = [Series("a"), Series("a", ["x": "1"]), Series("a", ["x": "2"]), Series("b")]
        #expect(sorted.reversed().sorted() == sorted)
    }

    @Test func identifiersSortByTimeAndReadBack() throws {
        var random = SystemRandomNumberGenerator()
        let earlier = ULID(time: Timestamp(milliseconds: 1_795_218_360_000), using: &random)
        let later = ULID(time: Timestamp(milliseconds: 1_795_218_360_001), using: &random)
        #expect(earlier < later)
        #expect(ULID(earlier.description) == earlier)
        #expect(earlier.description.count == 26)
        #expect(ULID("") == nil)
        #expect(ULID("01ARZ3NDEKTSV4RRFFQ69G5FAU") == nil)
        // The specification's example of the time part.
        #expect(
            ULID(time: Timestamp(milliseconds: 1_469_918_176_385), using: &random).description.hasPrefix("01ARYZ6S41"))
    }
}
