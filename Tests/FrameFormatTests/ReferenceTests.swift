@testable import FrameFormat
import Telemetry
import Testing

/// Frames that are told from the one before.
@Suite struct ReferenceTests {
    private let time = Timestamp(milliseconds: 1_800_000_000_123)

    private func batch(
        _ series: [Series], _ rows: [[Double?]], tick: Int = 0, of producer: String = "cpu"
    ) -> FrameBatch {
        FrameBatch(
            source: Source(host: "web-1", producer: producer), series: series,
            frames: rows.enumerated().map { Frame(time: time + .seconds(Int64((tick + $0) * 10)), values: $1) })
    }

    /// A server's side: what it kept.
    private struct Keeper {
        var frames: [UInt64: ReferenceFrame] = [:]

        mutating func read(_ body: [UInt8]) throws -> FrameRequest {
            let request = try FrameRequest(body, sha256: toyDigest) { host, id in
                #expect(host == "web-1")
                return frames[id]
            }
            for kept in request.batches.compactMap(\.kept) { frames[kept.frame.id] = kept.frame }
            return request
        }
    }

    @Test(arguments: 1...20) func `frames come back to the last bit, and are read only by who has the one before`(
        seed: UInt64
    ) throws {
        var generator = SplitMix(state: seed)
        var book = LayoutBook(refers: true, sha256: toyDigest)
        var keeper = Keeper()
        let series: [Series] = (0..<40).map { Series("m\($0)") }
        var columns: [RandomColumn] = series.map { _ in RandomColumn(using: &generator) }
        var isTold = false
        for round in 0..<30 {
            let values: [Double?] = columns.indices.map { columns[$0].next(using: &generator) }
            let sent: FrameBatch = batch(series, [values], tick: round)
            let request: LayoutBook.Request = book.request(host: "web-1", batches: [sent])
            let stranger = try FrameRequest(request.body, sha256: toyDigest)
            #expect(stranger.batches.isEmpty == isTold)
            #expect(stranger.unknownReferences.count == (isTold ? 1 : 0))
            let read: FrameRequest = try keeper.read(request.body)
            let found: FrameRequest.Batch = try #require(read.batches.first)
            #expect(found.kept != nil && (found.kept?.before != nil) == isTold)
            #expect(found.table.times == sent.frames.map(\.time))
            #expect(found.table.frames.first?.values.map { $0?.bitPattern } == values.map { $0?.bitPattern })
            // One in three is lost on the way back: the next one is told from the last that both have.
            if round % 3 != 2 {
                book.delivered(request)
                isTold = true
            }
        }
    }

    /// A body of one batch, and the frame that its reader keeps.
    private func written(
        _ batch: FrameBatch, after reference: ReferenceFrame?
    ) -> (bytes: [UInt8], kept: ReferenceFrame?) {
        let layout = LayoutHash(LayoutDefinition(batch.series).bytes, sha256: toyDigest)
        let item = FrameRequestEncoder.Item(batch: batch, layout: layout, reference: reference, isKept: true)
        let (bytes, kept) = FrameRequestEncoder.body("web-1", [], [item], .referring)
        return (bytes, kept.first)
    }

    @Test func `several frames go on from a reference too`() throws {
        var generator = SplitMix(state: 3)
        let series: [Series] = (0..<20).map { Series("m\($0)") }
        var columns: [RandomColumn] = series.map { _ in RandomColumn(using: &generator) }
        func rows(_ count: Int) -> [[Double?]] {
            (0..<count).map { _ in columns.indices.map { columns[$0].next(using: &generator) } }
        }
        // The book tells single frames only; the form has no such limit.
        let first = written(batch(series, rows(3)), after: nil)
        let later: FrameBatch = batch(series, rows(7), tick: 3)
        let second = written(later, after: first.kept)
        let before: ReferenceFrame = try #require(first.kept)
        let read = try FrameRequest(second.bytes, sha256: toyDigest) { _, id in id == before.id ? before : nil }
        let found: FrameRequest.Batch = try #require(read.batches.first)
        #expect(found.table.times == later.frames.map(\.time))
        for (mine, theirs) in zip(found.table.frames, later.frames) {
            #expect(mine.values.map { $0?.bitPattern } == theirs.values.map { $0?.bitPattern })
        }
        #expect(found.kept?.frame.id == second.kept?.id)
    }

    // MARK: Sizes

    /// As hosts report: a fifth each of counters, percentages, constants, sizes in pages and hundredths of seconds.
    private struct Host {
        var states: [Double]
        var generator: SplitMix

        init(_ series: Int) {
            generator = SplitMix(state: UInt64(series))
            states = (0..<series).map { [4e8, 50, 7, 1e6, 5e5][$0 % 5] + Double($0) }
        }

        mutating func tick() -> [Double?] {
            for place in states.indices {
                switch place % 5 {
                case 0: states[place] += Double(Int.random(in: 0..<100_000, using: &generator))
                case 1: states[place] += Double(Int.random(in: -50...50, using: &generator)) / 100
                case 3: states[place] += Double(Int.random(in: -32...32, using: &generator))
                case 4: states[place] += Double(Int.random(in: 0..<1000, using: &generator)) / 100
                default: break
                }
            }
            return states.indices.map { place in
                switch place % 5 {
                case 1, 4: (states[place] * 100).rounded() / 100
                case 3: states[place] * 4096
                default: states[place]
                }
            }
        }
    }

    @Test(arguments: [50, 500]) func `a tick takes less than three bytes a sample`(width: Int) {
        var host = Host(width)
        var book = LayoutBook(refers: true, sha256: toyDigest)
        let series: [Series] = (0..<width).map { Series("m\($0)") }
        var sizes: [Int] = []
        for tick in 0..<60 {
            let request = book.request(host: "web-1", batches: [batch(series, [host.tick()], tick: tick)])
            book.delivered(request)
            sizes.append(request.body.count)
        }
        let later: Double = Double(sizes.dropFirst(10).reduce(0, +)) / Double(50 * width)
        #expect(later < (width == 50 ? 2.4 : 1.9))
    }

    @Test func `a backlog takes less than 1.2 bytes a sample`() {
        var host = Host(50)
        var book = LayoutBook(refers: true, sha256: toyDigest)
        let series: [Series] = (0..<50).map { Series("m\($0)") }
        book.delivered(book.request(host: "web-1", batches: [batch(series, [host.tick()])]))
        // An hour, which is what the agent puts into one request.
        let hour: FrameBatch = batch(series, (0..<360).map { _ in host.tick() }, tick: 1)
        #expect(Double(book.request(host: "web-1", batches: [hour]).body.count) / (360 * 50) < 1.2)
    }

    // MARK: The sender's book

    @Test func `a refusal makes frames be sent whole, longer each time, and deliveries make that good`() throws {
        var book = LayoutBook(refers: true, sha256: toyDigest)
        let series: [Series] = [Series("a"), Series("b")]
        var tick = 0
        /// Whether a frame is told from another; it is delivered.
        func isTold() throws -> Bool {
            tick += 1
            let request = book.request(host: "web-1", batches: [batch(series, [[1, 2]], tick: tick)])
            let names = try FrameRequest(request.body, sha256: toyDigest).unknownReferences
            book.delivered(request)
            return !names.isEmpty
        }
        func refuse() throws {
            tick += 1
            let request = book.request(host: "web-1", batches: [batch(series, [[1, 2]], tick: tick)])
            let names = try FrameRequest(request.body, sha256: toyDigest).unknownReferences
            try #require(names.count == 1)
            book.forget(references: names.map { String($0, radix: 16) })
            // With the list of series again, as a server that was started anew needs it.
            var copy: LayoutBook = book
            #expect(copy.request(host: "web-1", batches: [batch(series, [[1, 2]])]).defined.count == 1)
        }
        #expect(try [isTold(), isTold(), isTold()] == [false, true, true])
        try refuse()
        #expect(try isTold() == false)
        #expect(try isTold())
        try refuse()
        #expect(try [isTold(), isTold(), isTold()] == [false, false, true])
        for _ in 0..<100 { #expect(try isTold()) }
        try refuse()
        #expect(try [isTold(), isTold()] == [false, true])
    }

    @Test func `of two frames of one source in a request the first is kept`() throws {
        var book = LayoutBook(refers: true, sha256: toyDigest)
        var keeper = Keeper()
        let series: [Series] = [Series("a")]
        for round in 0..<4 {
            let request = book.request(
                host: "web-1",
                batches: [batch(series, [[1]], tick: 2 * round), batch(series, [[2]], tick: 2 * round + 1)])
            let read = try keeper.read(request.body)
            #expect(read.batches.map { $0.kept != nil } == [true, false])
            #expect(read.batches.map(\.table.values) == [[1], [2]])
            book.delivered(request)
        }
    }

    // MARK: The form itself

    /// Fixed bytes: a change of them is another version of the form.
    @Test func `the bytes are those of the specification`() throws {
        var book = LayoutBook(refers: true, sha256: toyDigest)
        let series: [Series] = [Series("up"), Series("x", ["a": "b"])]
        let first = book.request(host: "h", batches: [batch(series, [[1, 2.5]], of: "p")])
        let digest: [UInt8] = Array(toyDigest(LayoutDefinition(series).bytes)[0..<16])
        let definition: [UInt8] = [2, 2, 0x75, 0x70, 0, 1, 0x78, 1, 1, 0x61, 1, 0x62]
        let microseconds: [UInt8] = [0xF0, 0x81, 0xD3, 0x89, 0xE5, 0xC5, 0xB2, 0x06]
        let whole: [UInt8] =
            [0x50, 0x46, 2, 1, 0x68, 1, 12] + definition + [1, 2, 1, 0x70] + digest + [2, 15, 1] + microseconds
            + [0, 1, 1, 1, 2, 50]
        #expect(first.body == whole)
        book.delivered(first)
        let second = book.request(host: "h", batches: [batch(series, [[3, 2.25]], tick: 1, of: "p")])
        let kept: ReferenceFrame = try #require(
            try FrameRequest(first.body, sha256: toyDigest).batches.first?.kept?.frame)
        #expect(kept.id == 1_817_317_161_020_095_859)
        let name: [UInt8] = (0..<8).map { UInt8(truncatingIfNeeded: kept.id >> UInt64(56 - 8 * $0)) }
        // One frame, 10 s after the one before, whose distance is not known; the second column has two decimals now.
        #expect(
            second.body == [0x50, 0x46, 2, 1, 0x68, 0, 1, 3] + name + [10, 1, 0x80, 0xDA, 0xC4, 0x09, 1, 1, 2, 4, 49])
    }

    // MARK: Any bytes

    @Test(arguments: 1...40) func `no bytes stop the reader`(seed: UInt64) throws {
        var generator = SplitMix(state: seed)
        var columns: [RandomColumn] = (0..<6).map { _ in RandomColumn(using: &generator) }
        var book = LayoutBook(refers: true, sha256: toyDigest)
        var keeper = Keeper()
        var body: [UInt8] = []
        for tick in 0..<3 {
            let row: [Double?] = columns.indices.map { columns[$0].next(using: &generator) }
            let request = book.request(
                host: "web-1", batches: [batch((0..<6).map { Series("m\($0)") }, [row], tick: tick)])
            _ = try keeper.read(request.body)
            book.delivered(request)
            body = request.body
        }
        let frames: [ReferenceFrame] = Array(keeper.frames.values)
        for _ in 0..<1000 {
            var bytes: [UInt8] = body
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0...3, using: &generator) {
                case 0: bytes[place] = .random(in: 0...255, using: &generator)
                case 1: bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &generator)
                case 2: bytes.remove(at: place)
                default: bytes.insert([0, 0x7F, 0xFF, 0x80].randomElement(using: &generator) ?? 0, at: place)
                }
                if bytes.isEmpty { bytes = [0] }
            }
            // Any reference is taken for the one that is asked for: damage must do no harm behind it either.
            let read = try? FrameRequest(bytes, sha256: toyDigest, mostValues: 5000) { host, _ in
                frames.first { $0.source.host == host }
            }
            #expect((read?.batches ?? []).reduce(0) { $0 + $1.table.values.count } <= 5000)
        }
        for length in 0..<body.count {
            #expect(throws: FrameFormatError.self) {
                try FrameRequest(Array(body[..<length]), sha256: toyDigest) { _, id in keeper.frames[id] }
            }
        }
    }

    @Test func `another version is refused`() {
        #expect(throws: FrameFormatError.self) { try FrameRequest([0x50, 0x46, 3, 1, 0x68, 0, 0], sha256: toyDigest) }
        #expect(throws: Never.self) { try FrameRequest([0x50, 0x46, 2, 1, 0x68, 0, 0], sha256: toyDigest) }
        // Flags that nobody knows.
        #expect(throws: FrameFormatError.self) {
            try FrameRequest([0x50, 0x46, 2, 1, 0x68, 0, 1, 4, 0, 0], sha256: toyDigest)
        }
    }
}
