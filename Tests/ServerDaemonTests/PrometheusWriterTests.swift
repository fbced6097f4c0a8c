import Declarations
import PromQL
import Telemetry
import Testing

@testable import ServerDaemon

@Suite struct PrometheusWriterTests {
    @Test func `bytes are those of the JSON value`() {
        var random = SystemRandomNumberGenerator()
        var series: [MatrixSeries] = [MatrixSeries(labels: .none, samples: [])]
        let odd: [Double] = [
            .nan, .infinity, -.infinity, 0, -0.0, 1, -1, 0.1, 1e-5, 1.5e-7, 1e15, 1e16, 123_456_789.125, 1e20, 1.25e21,
            .leastNonzeroMagnitude, .greatestFiniteMagnitude, 1e22, 0.000_1, 100.5,
        ]
        for number in 0..<50 {
            let samples: [Sample] = (0..<40).map { index in
                let bits = Double(bitPattern: UInt64.random(in: 0...(.max), using: &random))
                let value: Double =
                    number == 0 ? odd[index % odd.count] : number % 2 == 0 ? bits : (bits * 1e3).rounded() / 1e3
                let time = Int64.random(in: -5000...4_000_000_000_000, using: &random) / (index % 3 == 0 ? 1 : 1000)
                return Sample(Timestamp(milliseconds: time * (index % 3 == 0 ? 1 : 1000)), value)
            }
            series.append(MatrixSeries(labels: ["a": "x\"\n\(number)", "__name__": "m"], samples: samples))
        }
        for (notes, warnings) in [([], []), (["one"], ["two", "\"three\""]), ([], ["w"])] as [([String], [String])] {
            let answer = QueryEngine.Answer(result: .matrix(series), notes: notes, warnings: warnings)
            let expected = PrometheusJSON.success(
                PrometheusJSON.data(answer.result), notes: notes, warnings: warnings
            ).canonical
            #expect(
                String(decoding: PrometheusWriter.body(answer), as: UTF8.self)
                    == String(decoding: expected, as: UTF8.self))
        }
        let scalar = QueryEngine.Answer(result: .scalar(Sample(Timestamp(milliseconds: 1500), 2)))
        #expect(
            String(decoding: PrometheusWriter.body(scalar), as: UTF8.self)
                == #"{"data":{"result":[1.5,"2"],"resultType":"scalar"},"status":"success"}"#)
    }

    @Test func `numbers have Prometheus' form`() {
        let expected: [(Double, String)] = [
            (0.5, "0.5"), (1e-5, "0.00001"), (1.5e-7, "1.5e-7"), (1e15, "1000000000000000"), (1e21, "1e+21"),
            (-12.25, "-12.25"), (1.2345e20, "123450000000000000000"), (0.000_1, "0.0001"),
        ]
        for (number, text) in expected { #expect(promNumber(number) == text) }
    }
}
