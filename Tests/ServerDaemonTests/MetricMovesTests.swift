import Telemetry
import Testing

@testable import ServerDaemon

@Suite struct MetricMovesTests {
    private static let moment = Timestamp(milliseconds: 1_763_683_600_000)
    private let span = CorrelationSpan(time: moment, window: .minutes(5))

    /// A sample each ten seconds of the whole span, by the seconds since the moment.
    private func move(_ name: String, _ value: (Double) -> Double?) -> MetricMove? {
        var (times, values): ([Int64], [Double]) = ([], [])
        var time: Timestamp = span.baselineFrom
        while time <= span.to {
            if let value = value((time - span.time).seconds) {
                times.append(time.milliseconds)
                values.append(value)
            }
            time = time + .seconds(10)
        }
        return MetricMoves.move(of: ["__name__": name], times: times, values: values, span: span)
    }

    /// Noise that is the same on every machine: −1 to 1.
    private func noise(_ seconds: Double) -> Double {
        (seconds * 12.9898).truncatingRemainder(dividingBy: 7) / 3.5 - (seconds < 0 ? -1 : 1)
    }

    @Test func aGaugeThatJumpsMoves() throws {
        let found = try #require(move("load") { $0 < 0 ? 10 + noise($0) : 40 })
        #expect(found.kind == .moved)
        #expect(try #require(found.before).magnitude < 12)
        #expect(try #require(found.during) > 20)
        #expect(found.score > 10)
        #expect(!found.isRate)
    }

    @Test(arguments: ["constant", "noise", "drift"])
    func whatIsAsBeforeDoesNot(form: String) {
        #expect(
            move("load") { seconds in
                switch form {
                case "constant": 5
                case "noise": 5 + noise(seconds)
                default: 100 + seconds / 600
                }
            } == nil)
    }

    /// Without a floor a constant that changed by a rounding error would be infinitely remarkable.
    @Test func aTinyChangeOfAConstantIsNone() {
        #expect(move("load") { $0 < 0 ? 5 : 5.1 } == nil)
        #expect(move("load") { $0 < -300 ? 0 : 0 } == nil)
        #expect(move("load") { $0 < 0 ? 0 : 3 }?.score == 50)
    }

    @Test func aCounterIsComparedByItsRateAcrossAReset() throws {
        var total = 0.0
        let steady: MetricMove? = move("requests_total") { _ in
            total += 10
            return total
        }
        #expect(steady == nil)
        total = 0
        let restarted: MetricMove? = move("requests_total") { seconds in
            total = seconds == 0 ? 0 : total + 10
            return total
        }
        #expect(restarted == nil)
        total = 0
        let faster: MetricMove? = move("requests_total") { seconds in
            total += seconds < 0 ? 10 : 100
            return total
        }
        let found = try #require(faster)
        #expect(found.isRate)
        #expect(try #require(found.before).magnitude == 1)
        #expect(try #require(found.during) > 5)
    }

    @Test func aSeriesMayAppearAndEnd() throws {
        #expect(try #require(move("load") { $0 < 0 ? nil : 1 }).kind == .appeared)
        #expect(try #require(move("load") { $0 < -310 ? 1 : nil }).kind == .ended)
        #expect(move("load") { _ in nil } == nil)
        #expect(move("load") { _ in .nan } == nil)
    }

    /// One outlier before the moment is not what is usual.
    @Test func outliersBeforeDoNotHideAMove() throws {
        let found = try #require(
            move("load") { seconds in seconds == -1000 ? 1_000_000 : seconds < 0 ? 10 + noise(seconds) : 40 })
        #expect(found.score > 10)
    }

    /// A disk that is read now and then is not remarkable when it is read again.
    @Test func whatHappensNowAndThenIsUsual() {
        #expect(move("load") { Int($0) % 250 == 0 ? 40 : 0 } == nil)
        #expect(move("load") { $0 >= 0 ? 40 : Int($0) % 250 == 0 ? 40 : 0 } != nil)
    }

    @Test func theStrongestComesFirstAndEqualOnesAreInOrderOfLabels() {
        let moves = [("b", 5.0), ("a", 5), ("c", 9), ("d", 4)].map { name, score in
            MetricMove(
                labels: ["__name__": name], kind: .moved, before: 1, during: 2, isRate: false, score: score)
        }
        #expect(MetricMoves.ranked(moves, limit: 3).map(\.score) == [9, 5, 5])
        #expect(MetricMoves.ranked(moves, limit: 3).map { $0.labels["__name__"] } == ["c", "a", "b"])
        #expect(MetricMoves.score(.infinity, median: 1, before: [1, 1]) == 0)
        #expect(MetricMoves.score(1e9, median: 1, before: [1, 1.001, 0.999]) <= MetricMoves.highest)
    }

    /// A host that begins to report is one news, not a hundred.
    @Test func aProducerThatCameAsAWholeIsToldOnce() {
        func move(_ name: String, _ job: String, _ kind: MetricMove.Kind) -> MetricMove {
            MetricMove(
                labels: ["__name__": name, "host": "h", "job": job], kind: kind, before: nil, during: 1,
                isRate: false, score: 50)
        }
        let new = ["a", "b", "c"].map { move($0, "cpu", .appeared) }
        let partly = ["a", "b", "c"].map { move($0, "disk", .ended) }
        let moved = ["a", "b", "c"].map { move($0, "load", .moved) }
        let all = new + partly + moved
        let looked: [Labels] = all.map(\.labels) + [["__name__": "d", "host": "h", "job": "disk"]]
        let collapsed = MetricMoves.collapsed(all, looked: looked)
        #expect(collapsed.sources == [SourceMove(host: "h", producer: "cpu", kind: .appeared, series: 3)])
        #expect(Set(collapsed.moves) == Set(partly + moved))
        #expect(MetricMoves.collapsed([new[0]], looked: [new[0].labels]).moves.count == 1)
    }
}
