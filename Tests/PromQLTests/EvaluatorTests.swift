import PromQL
import Telemetry
import Testing

@Suite struct EvaluatorTests {
    private let start = Timestamp(milliseconds: 1_700_000_000_000)

    @Test func `asks for what it needs and no more`() throws {
        let expression = try PromQL.parse("rate(a[5m] offset 1h) + b + max_over_time(c[1h:1m])")
        let selections = expression.selections(
            over: try QueryRange(from: start, through: start + .hours(1), step: .minutes(1)))
        let hour: Int64 = 3_600_000
        let base: Int64 = start.milliseconds
        #expect(selections.map(\.after) == [base - hour - 300_000, base - 300_000, base - hour - 300_000])
        #expect(selections.map(\.through) == [base, base + hour, base + hour])
    }

    @Test func `sees nothing that is older than the lookback or marked stale`() throws {
        let expression = try PromQL.parse("up")
        let series = SeriesData(
            labels: ["__name__": "up"], times: [start.milliseconds, start.milliseconds + 60_000],
            values: [1, .staleMarker])
        func count(at instant: Timestamp) throws -> Int {
            guard case .vector(let vector) = try expression.evaluate(over: .instant(instant), data: [[series]]) else {
                return -1
            }
            return vector.count
        }
        #expect(try count(at: start + .seconds(59)) == 1)
        #expect(try count(at: start + .seconds(60)) == 0)
        let fresh = SeriesData(labels: series.labels, times: [start.milliseconds], values: [1])
        for (age, expected) in [(299_999, 1), (300_000, 0)] as [(Int64, Int)] {
            let instant: Timestamp = start + .milliseconds(age)
            guard case .vector(let vector) = try expression.evaluate(over: .instant(instant), data: [[fresh]]) else {
                Issue.record("not a vector")
                return
            }
            #expect(vector.count == expected)
        }
    }

    @Test func `refuses more points than a chart has`() throws {
        #expect(throws: PromQLError.self) {
            try QueryRange(from: start, through: start + .seconds(11_000), step: .seconds(1))
        }
        _ = try QueryRange(from: start, through: start + .seconds(10_999), step: .seconds(1))
    }

    @Test func `stops at the limit of samples`() throws {
        var options = EvaluationOptions()
        options.mostSamples = 100
        let expression = try PromQL.parse("vector(1)[1h:1s]")
        let error = #expect(throws: PromQLError.self) {
            try expression.evaluate(over: .instant(start), data: [], options: options)
        }
        #expect(error?.kind == .limit)
    }

    @Test func `stops when it is cancelled`() throws {
        var options = EvaluationOptions()
        options.isCancelled = { true }
        let error = #expect(throws: PromQLError.self) {
            try PromQL.parse("1 + 1").evaluate(over: .instant(start), data: [], options: options)
        }
        #expect(error?.kind == .cancelled)
    }

    @Test func `drops names at once unless told to wait`() throws {
        let expression = try PromQL.parse("sum by (__name__) (-up)")
        let series = SeriesData(labels: ["__name__": "up"], times: [start.milliseconds], values: [1])
        guard case .vector(let vector) = try expression.evaluate(over: .instant(start), data: [[series]]) else {
            Issue.record("not a vector")
            return
        }
        #expect(vector == [VectorElement(labels: .none, sample: Sample(start, -1))])
    }

    @Test(
        arguments: [
            (0.1, "0.1"), (1e20, "100000000000000000000"), (1e21, "1e+21"), (1e-7, "1e-7"), (0.000001, "0.000001"),
            (-1234.5, "-1234.5"), (.nan, "NaN"), (.infinity, "+Inf"), (-.infinity, "-Inf"), (1.5e300, "1.5e+300"),
            (5, "5"), (-0.0, "-0"),
        ] as [(Double, String)])
    func `writes numbers as Prometheus does`(number: Double, text: String) { #expect(promNumber(number) == text) }
}
