import PromQL
import Telemetry
import Testing

@testable import ServerDaemon

@Suite struct BucketingTests {
    private func series(_ host: String, seed: Int, nan: Bool = false) -> SeriesData {
        var times: [Int64] = []
        var values: [Double] = []
        for index in 1...2000 where (index * seed) % 11 != 0 {
            times.append(1_800_000_000_000 + Int64(index) * 7000)
            values.append(nan && index == 500 ? .nan : Double((index * seed * 7919) % 1009) / 8)
        }
        return SeriesData(labels: ["host": host, "cpu": "\(seed)"], times: times, values: values)
    }

    private func folded(_ series: [SeriesData], _ width: BucketWidth) -> [SeriesData] {
        series.map {
            SeriesData(labels: $0.labels, buckets: Bucket.fold(times: $0.times, values: $0.values, width: width))
        }
    }

    @Test func `buckets give what their samples give`() {
        let all: [SeriesData] = [series("web", seed: 1), series("web", seed: 2), series("db", seed: 3)]
        for width in Bucketing.Width.allCases {
            for aggregation in Bucketing.Aggregation.allCases where aggregation != .p95 {
                let bucketing = Bucketing(width: width, aggregation: aggregation, groupBy: ["host"])
                for narrow in BucketWidth.allCases where width.span.milliseconds % narrow.milliseconds == 0 {
                    #expect(bucketing.aggregate(buckets: folded(all, narrow)) == bucketing.aggregate(all))
                }
            }
        }
    }

    @Test func `what is not a number sends the question to the samples`() {
        let bucketing = Bucketing(width: .hour, aggregation: .max, groupBy: [])
        #expect(bucketing.aggregate(buckets: folded([series("web", seed: 1, nan: true)], .minute)) == nil)
    }

    @Test func `rollups are asked for where every edge is one of theirs`() {
        let start = Timestamp(milliseconds: 1_800_000_000_000)
        func widths(_ width: Bucketing.Width, _ aggregation: Bucketing.Aggregation, _ from: Timestamp) -> [BucketWidth]?
        {
            Bucketing(width: width, aggregation: aggregation, groupBy: []).use(from: from, to: start)?.widths
        }
        #expect(widths(.quarterHour, .avg, start - .hours(2)) == [.fiveMinutes, .minute])
        #expect(widths(.day, .last, start - .hours(24)) == [.hour, .fiveMinutes, .minute])
        #expect(widths(.hour, .avg, start - .minutes(61)) == [.minute])
        #expect(widths(.hour, .avg, start - .seconds(90)) == nil)
        #expect(widths(.hour, .p95, start - .hours(2)) == nil)
    }
}
