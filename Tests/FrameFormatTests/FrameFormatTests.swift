import FrameFormat
import Telemetry
import Testing

@Suite struct FrameFormatTests {
    private let time = Timestamp(milliseconds: 1_800_000_000_123)

    private func batch(_ series: [Series], _ rows: [[Double?]], of producer: String = "cpu") -> FrameBatch {
        FrameBatch(
            source: Source(host: "web-1", producer: producer), series: series,
            frames: rows.enumerated().map { Frame(time: time + .seconds(Int64($0 * 10)), values: $1) })
    }

    private func roundTrip(_ batches: [FrameBatch]) throws -> [FrameBatch?] {
        let body: [UInt8] = LayoutBook.selfContained(host: "web-1", batches: batches, sha256: toyDigest)
        let request = try FrameRequest(body, sha256: toyDigest)
        #expect(request.host == "web-1")
        return request.frameBatches
    }

    /// Equal to the last bit, NaNs included.
    private func isSame(_ left: FrameBatch?, _ right: FrameBatch) -> Bool {
        guard let left, left.source == right.source, left.series == right.series,
            left.frames.map(\.time) == right.frames.map(\.time)
        else { return false }
        return zip(left.frames, right.frames).allSatisfy { one, other in
            one.values.map { $0?.bitPattern } == other.values.map { $0?.bitPattern }
        }
    }

    @Test func `every value comes back to the last bit`() throws {
        let odd: [Double?] = [
            0, -0.0, 1, -1, 0.1, 12_345_678.9, 1e300, -1e-300, .leastNonzeroMagnitude, .greatestFiniteMagnitude,
            .infinity, -.infinity, .nan, .staleMarker, nil, 9_007_199_254_740_991, -9_007_199_254_740_994, 1.0 / 3,
            16_394_829_824, 123_456.78,
        ]
        let series: [Series] = odd.indices.map { Series("m", ["n": "\($0)"]) }
        let one: FrameBatch = batch(series, [odd])
        let several: FrameBatch = batch(series, [odd, odd.reversed(), odd.map { _ in nil }, odd], of: "p")
        let column: FrameBatch = batch([Series("m")], odd.map { [$0] }, of: "q")
        for (found, sent) in zip(try roundTrip([one, several, column]), [one, several, column]) {
            #expect(isSame(found, sent))
        }
    }

    @Test func `a NaN with a payload of its own becomes the ordinary one`() throws {
        let found = try roundTrip([batch([Series("a")], [[Double(bitPattern: 0x7FF8_0000_0000_0BAD)]])])
        #expect(found.first??.frames.first?.values.first??.bitPattern == Double.nan.bitPattern)
    }

    @Test func `frames in any order and at any time keep their times`() throws {
        let times: [Int64] = [5, -3, 1_800_000_000_000_001, .max, .min, 0, 0]
        let sent = FrameBatch(
            source: Source(host: "web-1", producer: "cpu"), series: [Series("a")],
            frames: times.map { Frame(time: Timestamp(microseconds: $0), values: [1]) })
        #expect(try roundTrip([sent]).first??.frames.map(\.time.microseconds) == times)
    }

    @Test func `what holds nothing is written too`() throws {
        let empty: [FrameBatch] = [
            batch([], [[], []]), batch([Series("a")], []), batch([Series("")], [[1]], of: "é\u{0}"),
        ]
        for (found, sent) in zip(try roundTrip(empty), empty) { #expect(isSame(found, sent)) }
        #expect(try roundTrip([]).isEmpty)
    }

    @Test(arguments: 1...20) func `random frames come back`(seed: UInt64) throws {
        var generator = SplitMix(state: seed)
        let batches: [FrameBatch] = (0..<3).map { number in
            let width = Int.random(in: 0...30, using: &generator)
            let series: [Series] = (0..<width).map { Series("m\($0)", $0 % 2 == 0 ? [:] : ["l": "\(number)"]) }
            var columns: [RandomColumn] = series.map { _ in RandomColumn(using: &generator) }
            let rows: [[Double?]] = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
                columns.indices.map { columns[$0].next(using: &generator) }
            }
            return batch(series, rows, of: "p\(number)")
        }
        for (found, sent) in zip(try roundTrip(batches), batches) { #expect(isSame(found, sent)) }
    }

    // MARK: Layouts

    @Test func `a layout is defined once, and again when the server says that it does not know it`() throws {
        var book = LayoutBook(sha256: toyDigest)
        let batches: [FrameBatch] = [batch([Series("a")], [[1]]), batch([Series("a")], [[2]], of: "p")]
        let first: LayoutBook.Request = book.request(host: "web-1", batches: batches)
        #expect(first.defined.count == 1)
        // Not delivered yet: still to be defined.
        #expect(book.request(host: "web-1", batches: batches).defined == first.defined)
        book.delivered(first)
        let second: LayoutBook.Request = book.request(host: "web-1", batches: batches)
        #expect(second.defined.isEmpty)
        let read = try FrameRequest(second.body, sha256: toyDigest)
        #expect(read.definitions.isEmpty)
        #expect(read.batches.map(\.layout) == [first.defined[0], first.defined[0]])
        #expect(read.batches.map(\.table.values) == [[1], [2]])
        book.forget(["nonsense", "\(first.defined[0])"])
        #expect(book.request(host: "web-1", batches: batches).defined == first.defined)
    }

    @Test func `a hash reads back from its digits`() {
        let hash = LayoutHash(high: 0x0123, low: .max)
        #expect("\(hash)" == "0000000000000123ffffffffffffffff")
        #expect(LayoutHash(hexadecimal: "\(hash)") == hash)
        #expect(LayoutHash(hexadecimal: "12") == nil)
        #expect(LayoutHash(hexadecimal: String(repeating: "é", count: 16)) == nil)
    }

    // MARK: The form itself

    /// Fixed bytes: a change of them is another version of the form.
    @Test func `the bytes are those of the specification`() throws {
        let body: [UInt8] = LayoutBook.selfContained(
            host: "h", batches: [batch([Series("up"), Series("x", ["a": "b"])], [[1, 2.5], [1, 3.5]], of: "p")],
            sha256: toyDigest)
        let digest: [UInt8] = Array(toyDigest(LayoutDefinition([Series("up"), Series("x", ["a": "b"])]).bytes)[0..<16])
        let definition: [UInt8] = [2, 2, 0x75, 0x70, 0, 1, 0x78, 1, 1, 0x61, 1, 0x62]
        let microseconds: [UInt8] = [0xF0, 0x81, 0xD3, 0x89, 0xE5, 0xC5, 0xB2, 0x06]
        let step: [UInt8] = [0x80, 0xDA, 0xC4, 0x09]
        let expected: [UInt8] =
            [0x50, 0x46, 1, 1, 0x68, 1, 12] + definition + [1, 1, 0x70] + digest + [2, 21, 2] + microseconds + step
            + [0, 1, 1, 1, 2, 0, 50, 20]
        #expect(body == expected)
    }

    // MARK: Any bytes

    @Test(arguments: 1...40) func `no bytes stop the reader`(seed: UInt64) throws {
        var generator = SplitMix(state: seed)
        var columns: [RandomColumn] = (0..<6).map { _ in RandomColumn(using: &generator) }
        let rows: [[Double?]] = (0..<9).map { _ in columns.indices.map { columns[$0].next(using: &generator) } }
        let good: [UInt8] = LayoutBook.selfContained(
            host: "web-1", batches: [batch((0..<6).map { Series("m\($0)", ["a": "b"]) }, rows)], sha256: toyDigest)
        for _ in 0..<500 {
            var bytes: [UInt8] = good
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0...3, using: &generator) {
                case 0: bytes[place] = .random(in: 0...255, using: &generator)
                case 1: bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &generator)
                case 2: bytes.remove(at: place)
                default: bytes.insert([0, 0x7F, 0xFF, 0x80].randomElement(using: &generator) ?? 0, at: place)
                }
                if bytes.isEmpty { bytes = [0] }
            }
            check(bytes)
        }
        for length in 0..<good.count { check(Array(good[..<length])) }
    }

    @Test func `a body that promises more than a request may hold is refused before memory is taken`() throws {
        let many: [FrameBatch] = [batch([Series("a"), Series("b")], [[1, 2], [1, 2]])]
        let fits: [UInt8] = LayoutBook.selfContained(host: "h", batches: many, sha256: toyDigest)
        #expect(throws: Never.self) { try FrameRequest(fits, sha256: toyDigest, mostValues: 4) }
        #expect(throws: FrameFormatError.self) { try FrameRequest(fits, sha256: toyDigest, mostValues: 3) }
    }

    /// Whatever they are, they are read or refused, and what is read is within the bound.
    private func check(_ bytes: [UInt8]) {
        guard let request = try? FrameRequest(bytes, sha256: toyDigest, mostValues: 5000) else { return }
        #expect(request.batches.reduce(0) { $0 + $1.table.values.count } <= 5000)
        _ = request.frameBatches
    }
}

/// Stands in for SHA-256: what matters here is that equal bytes have equal digests.
@Sendable func toyDigest(_ bytes: [UInt8]) -> [UInt8] {
    (0..<32).map { lane in
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325 &+ UInt64(lane)
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return UInt8(truncatingIfNeeded: hash >> 24)
    }
}

/// Values as hosts have them, one kind for each column.
struct RandomColumn {
    private let kind: Int
    private let scale: Double
    private var level: Double

    init(using generator: inout SplitMix) {
        kind = Int.random(in: 0...7, using: &generator)
        scale = [1, 10, 100, 1000].randomElement(using: &generator) ?? 1
        level = Double(Int.random(in: -1000...1_000_000_000, using: &generator))
    }

    mutating func next(using generator: inout SplitMix) -> Double? {
        if kind == 0, Int.random(in: 0...2, using: &generator) == 0 {
            return [nil, .staleMarker, .nan, .infinity, -0.0].randomElement(using: &generator) ?? nil
        }
        switch kind {
        case 1: return level
        case 2: level += Double(Int.random(in: 0...1000, using: &generator))
        case 3: level += 4096 * Double(Int.random(in: -5...5, using: &generator))
        case 4: return Double(bitPattern: UInt64.random(in: 0..<0x7FF0_0000_0000_0000, using: &generator))
        case 5: return Double.random(in: 0...1, using: &generator)
        case 6: level += 1000
        default: return (level + Double(Int.random(in: 0...99, using: &generator))) / scale
        }
        return level / (kind == 2 ? scale : 1)
    }
}

/// The same numbers on every run.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed: UInt64 = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
