import Declarations
import Telemetry
import Testing
import WireFormats

@Suite struct NativeDecoderTests {
    private let now = Timestamp(milliseconds: 1_800_000_000_000)

    private func decode(_ json: JSONValue) throws -> DecodedMetrics {
        try NativeDecoder.metrics(json.canonical, now: now)
    }

    private func batch(_ series: JSONValue, _ frames: JSONValue) -> JSONValue {
        ["host": "web", "batches": [["producer": "cpu", "series": series, "frames": frames]]]
    }

    private func frame(_ values: JSONValue, at milliseconds: Int64 = 1_800_000_000_000) -> JSONValue {
        ["time": .integer(milliseconds), "values": values]
    }

    @Test func `a batch reads as frames of its series, with gaps and values that JSON has no number for`() throws {
        let decoded: DecodedMetrics = try decode(
            batch(
                [["name": "a", "labels": ["cpu": "0"]], ["name": "b"], ["name": "c"], ["name": "d"]],
                [frame([1.5, .null, "NaN", "-Inf"])]))
        let batch: FrameBatch = try #require(decoded.batches.first)
        #expect(batch.source == Source(host: "web", producer: "cpu"))
        #expect(batch.series == [Series("a", ["cpu": "0"]), Series("b"), Series("c"), Series("d")])
        #expect(batch.frames.first?.time == now)
        let values: [Double?] = batch.frames.first?.values ?? []
        #expect(values[0] == 1.5 && values[1] == nil && values[2]?.isNaN == true && values[3] == -.infinity)
        #expect(decoded.rejects.isEmpty)
    }

    // Shows F-SV-01, W-A-03
    @Test func `a series that cannot be stored is left out of its batch, and the others are kept`() throws {
        let decoded: DecodedMetrics = try decode(
            batch(
                [
                    ["name": "good"], ["name": "nul\u{0}"], ["name": ""],
                    ["name": .string(String(repeating: "x", count: 201))],
                    ["name": "labelled", "labels": ["a": "\u{0}"]], ["name": "good"], ["name": "last"],
                ], [frame([1, 2, 3, 4, 5, 6, 7]), frame([1, 2, 3, 4, 5, 6, 7], at: 1_800_000_001_000)]))
        #expect(decoded.batches.first?.series == [Series("good"), Series("last")])
        #expect(decoded.batches.first?.frames.map(\.values) == [[1, 7], [1, 7]])
        #expect(decoded.rejectedSamples == 10)
        #expect(decoded.rejects.map(\.path) == (1...5).map { "/batches/0/series/\($0)" })
    }

    // Shows F-SV-01
    @Test func `frames out of the window or of another width are refused one by one`() throws {
        let month: Int64 = 30 * 86_400_000
        let decoded: DecodedMetrics = try decode(
            batch(
                [["name": "a"]],
                [
                    frame([1], at: now.milliseconds - month), frame([2], at: now.milliseconds - month - 1),
                    frame([3], at: now.milliseconds + 600_000), frame([4], at: now.milliseconds + 600_001),
                    frame([5, 6]),
                    ["time": "soon", "values": [7]], ["time": 1e300, "values": [8]], frame(["x"]),
                ]))
        #expect(decoded.batches.first?.frames.map(\.values) == [[1], [3], [nil]])
        #expect(
            decoded.rejects.map(\.path) == [1, 3, 4, 5, 6].map { "/batches/0/frames/\($0)" } + [
                "/batches/0/frames/7/values/0"
            ])
        #expect(decoded.rejectedSamples == 7)
    }

    @Test func `simple samples of one instant share a frame, and those of another host are refused`() throws {
        let decoded: DecodedMetrics = try decode([
            "host": "web",
            "metrics": [
                ["name": "cpu.percent", "value": 3.5, "time": "2027-01-15T08:00:00Z"],
                ["name": "disk.used", "value": 7, "labels": ["mount": "/"], "time": "2027-01-15T08:00:00Z"],
                ["name": "cpu.percent", "value": 1, "host": "db"], ["name": "now", "value": 1],
            ],
        ])
        #expect(
            decoded.batches.map(\.series) == [
                [Series("cpu.percent"), Series("disk.used", ["mount": "/"])], [Series("now")],
            ]
                || decoded.batches.count == 1)
        #expect(decoded.batches.flatMap(\.frames).map(\.time).allSatisfy { $0 == now })
        #expect(decoded.rejects.map(\.path) == ["/metrics/2"])
    }

    @Test func `a client's own label host does not hide the credential's`() throws {
        let decoded: DecodedMetrics = try decode(batch([["name": "a", "labels": ["host": "db"]]], [frame([1])]))
        #expect(decoded.batches.first?.series == [Series("a", ["exported_host": "db"])])
    }

    @Test(arguments: [
        "", "[]", "{}", #"{"host":"web"}"#, #"{"host":"","metrics":[]}"#, #"{"host":"web","metrics":7}"#,
        #"{"host":"web","metrics":[]} x"#, #"{"host":"web","metrics":[{"value":01}]}"#,
        #"{"host":"web","metrics":[{"value":1.}]}"#,
        #"{"host":"web","metrics":[nul]}"#, #"{"host":"web","metrics":[],}"#, #"{"host":"\ud800","metrics":[]}"#,
        "{\"host\":\"web\u{1}\",\"metrics\":[]}",
        "{\"host\":\"web\",\"metrics\":[],\"x\":" + String(repeating: "[", count: 100_000),
    ])
    func `a body that is no such request is an error`(text: String) {
        #expect(throws: WireFormatError.self) { try NativeDecoder.metrics(Array(text.utf8), now: now) }
    }

    @Test func `what the agent writes reads back as it was`() throws {
        let batch = FrameBatch(
            source: Source(host: "web", producer: "cpu"), series: [Series("a"), Series("b", ["x": "y\n\""])],
            frames: [Frame(time: now, values: [0.1, nil]), Frame(time: now + .seconds(1), values: [.infinity, -0.0])])
        let decoded = try NativeDecoder.metrics(NativeEncoder.metrics(host: "web", batches: [batch]), now: now)
        #expect(decoded.batches == [batch])
    }

    @Test func `the end of a series survives the way`() throws {
        let batch = FrameBatch(
            source: Source(host: "web", producer: "cpu"), series: [Series("a")],
            frames: [Frame(time: now, values: [.staleMarker])])
        let decoded = try NativeDecoder.metrics(NativeEncoder.metrics(host: "web", batches: [batch]), now: now)
        #expect(decoded.batches.first?.frames.first?.values[0]?.isStaleMarker == true)
    }

    @Test func `members may come in any order, and unknown ones are passed over`() throws {
        let text = """
            {"batches":[{"frames":[{"values":[-0.25e-3, 1E2],"time":"2027-01-15T08:00:00Z"}],"producer":"cpu",
              "future":{"a":[1,{"b":null},true,"\\u00e9\\ud83d\\ude00"]},"series":[{"name":"a"},{"labels":null,"name":"b"}]}],
             "host":"web"}
            """
        let decoded = try NativeDecoder.metrics(Array(text.utf8), now: now)
        #expect(decoded.batches.first?.series == [Series("a"), Series("b")])
        #expect(decoded.batches.first?.frames == [Frame(time: now, values: [-0.00025, 100])])
        #expect(decoded.rejects == [])
    }

    // Shows F-SV-01, W-A-03
    @Test(arguments: [
        ("[7]", "/batches/0"), (#"[{"producer":"p","series":[7],"frames":[]}]"#, "/batches/0/series/0"),
        (#"[{"producer":"p","series":[{"name":"a","labels":{"b":1}}],"frames":[]}]"#, "/batches/0/series/0"),
        (#"[{"producer":"p","series":[{"name":"a","labels":{"b":"1","b":"2"}}]}]"#, "/batches/0/series/0"),
        (#"[{"producer":"p","series":[{"name":"a"}],"frames":[[]]}]"#, "/batches/0/frames/0"),
        (
            #"[{"producer":"p","series":[{"name":"a"}],"frames":[{"time":1800000000000,"values":[{}]}]}]"#,
            "/batches/0/frames/0/values/0"
        ),
        (
            #"[{"producer":"p","series":[{"name":"a"}],"frames":[{"time":1800000000000,"values":[1e400]}]}]"#,
            "/batches/0/frames/0/values/0"
        ),
    ])
    func `a part of another form is refused alone`(batches: String, path: String) throws {
        let text = "{\"host\":\"web\",\"metrics\":[{\"name\":\"good\",\"value\":1}],\"batches\":\(batches)}"
        let decoded = try NativeDecoder.metrics(Array(text.utf8), now: now)
        #expect(decoded.rejects.map(\.path) == [path])
        #expect(decoded.batches.last?.series == [Series("good")])
    }

    @Test func `numbers read to the last bit`() throws {
        var state: UInt64 = 3
        func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ (state >> 29)
        }
        var numbers: [Double] = [
            0, 9_007_199_254_740_992, 1e22, 1e23, Double.leastNonzeroMagnitude, 0.1, 123456789.125, 1e-22,
        ]
        for _ in 0..<5000 {
            let number = Double(bitPattern: next())
            if number.isFinite { numbers += [number, Double(next() % 1_000_000_000) / 1000] }
        }
        let frame: String = numbers.map { "\($0)" }.joined(separator: ",")
        let series: String = numbers.indices.map { "{\"name\":\"n\($0)\"}" }.joined(separator: ",")
        let text = """
            {"host":"web","batches":[{"producer":"p","series":[\(series)],
              "frames":[{"time":1800000000000,"values":[\(frame)]}]}]}
            """
        let decoded = try NativeDecoder.metrics(Array(text.utf8), now: now)
        #expect(decoded.batches.first?.frames.first?.values == numbers)
    }

    @Test func `no bytes make the decoder trap`() {
        var state: UInt64 = 1
        func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 33
        }
        let seed: [UInt8] = batch([["name": "a", "labels": ["b": "c"]]], [frame([1, "NaN"])]).canonical
        for _ in 0..<3000 {
            var bytes: [UInt8] = seed
            for _ in 0..<(1 + next() % 4) { bytes[Int(next()) % bytes.count] = UInt8(truncatingIfNeeded: next()) }
            _ = try? NativeDecoder.metrics(bytes, now: now)
        }
    }
}
