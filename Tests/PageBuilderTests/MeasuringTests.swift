import Declarations
import PageBuilder
import Telemetry
import Testing

@Suite struct MeasuringTests {
    private let midnight = Timestamp(rfc3339: "2026-11-21T00:00:00Z") ?? .init(milliseconds: 0)

    @Test(arguments: [
        ([1.0], ComponentState.up), ([1, 2, -3], .up), ([0], .down), ([0, 0], .down), ([0, 1], .partly),
        ([], .unknown), ([.nan], .unknown), ([.nan, 1], .up), ([.infinity], .up),
    ])
    func aStateIsWhatTheValuesSay(values: [Double], state: ComponentState) {
        #expect(ComponentState(values: values, empty: .unknown) == state)
    }

    @Test(arguments: [
        (StatusPageSpec.Component.Empty.unknown, ComponentState.unknown), (.down, .down), (.up, .up),
    ])
    func thePageSaysWhatNoValueMeans(empty: StatusPageSpec.Component.Empty, state: ComponentState) {
        #expect(ComponentState(values: [], empty: empty) == state)
    }

    @Test func aWholeDayHas288InstantsAndTodayEndsNow() {
        #expect(Measuring.instants(of: midnight, at: midnight + .days(3)).count == 288)
        #expect(Measuring.instants(of: midnight, at: midnight + .minutes(12)).count == 3)
        #expect(Measuring.instants(of: midnight, at: midnight - .minutes(1)).isEmpty)
        #expect(Measuring.midnights(at: midnight + .hours(5)).last == midnight)
        #expect(Measuring.midnights(at: midnight).count == 90)
    }

    /// A page that is a day old must claim neither 89 days of uptime nor 89 days of outage.
    @Test(arguments: StatusPageSpec.Component.Empty.allCases)
    func beforeTheFirstValueNothingIsCounted(empty: StatusPageSpec.Component.Empty) {
        var hasBegun = false
        let nothing = Measuring.tally(
            QueryValues(byTime: [:]), of: midnight - .days(1), at: midnight, empty: empty, hasBegun: &hasBegun)
        #expect(nothing.isEmpty)
        let noon: Int64 = (midnight + .hours(12)).milliseconds
        let half = Measuring.tally(
            QueryValues(byTime: [noon: [1]]), of: midnight, at: midnight + .days(1), empty: empty, hasBegun: &hasBegun)
        #expect(half.up + half.down + half.unknown == 144)
        #expect(half.up == (empty == .up ? 144 : 1))
        #expect(half.down == (empty == .down ? 143 : 0))
    }

    @Test func uptimeIsOfWhatWasMeasured() {
        let component = MeasuredComponent(
            name: "c", state: .up,
            days: [
                DayTally(day: midnight, up: 90, partly: 5, down: 5, unknown: 188),
                DayTally(day: midnight + .days(1), up: 100, unknown: 188),
            ])
        #expect(component.uptime == 0.95)
        #expect(MeasuredComponent(name: "c", state: .up).uptime == nil)
    }

    @Test func prometheusAnswersAreReadWhateverTheirForm() throws {
        let matrix = try JSONValue(
            parsing:
                #"{"resultType":"matrix","result":[{"metric":{},"values":[[1.5,"1"],[2,"NaN"]]},{"metric":{"a":"b"},"values":[[1.5,"0"]]}]}"#
        )
        #expect(QueryValues(data: matrix).byTime[1500] == [1, 0])
        #expect(QueryValues(data: matrix).byTime[2000]?.first?.isNaN == true)
        let vector = try JSONValue(parsing: #"{"resultType":"vector","result":[{"metric":{},"value":[3,"+Inf"]}]}"#)
        #expect(QueryValues(data: vector).byTime == [3000: [.infinity]])
        let scalar = try JSONValue(parsing: #"{"resultType":"scalar","result":[3,"0"]}"#)
        #expect(QueryValues(data: scalar).byTime == [3000: [0]])
    }
}
