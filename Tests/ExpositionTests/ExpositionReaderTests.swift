import Exposition
import Telemetry
import Testing

/// What a text says, line by line, as text again.
private func read(_ text: String, _ format: ExpositionFormat = .prometheus) -> [String] {
    ExpositionReader(Array(text.utf8), format: format).map { result in
        switch result {
        case .success(let line):
            do throws(ExpositionError) {
                let series: Series = try ExposedSeries.parse(line.series)
                return "\(series) \(line.value)\(line.hasTimestamp ? " @" : "")"
            } catch {
                return "line \(line.number): \(error)"
            }
        case .failure(let error): return "\(error)"
        }
    }
}

@Suite struct ExpositionReaderTests {
    @Test func thePrometheusTextFormatIsRead() {
        // The example of Prometheus' own documentation.
        let text = #"""
            # HELP http_requests_total The total number of HTTP requests.
            # TYPE http_requests_total counter
            http_requests_total{method="post",code="200"} 1027 1395066363000
            http_requests_total{method="post",code="400"}    3 1395066363000

            # Escaping in label values:
            msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.458255915e9

            # Minimalistic line:
            metric_without_timestamp_and_labels 12.47

            # A weird metric from before the epoch:
            something_weird{problem="division by zero"} +Inf -3982045

            http_request_duration_seconds_bucket{le="+Inf",} 144320
            spaced { a = "}" , b="," } NaN
            """#
        #expect(
            read(text) == [
                #"http_requests_total{code="200",method="post"} 1027.0 @"#,
                #"http_requests_total{code="400",method="post"} 3.0 @"#,
                #"msdos_file_access_time_seconds{error="Cannot find file:\n\"FILE.TXT\"",path="C:\\DIR\\FILE.TXT"} 1458255915.0"#,
                "metric_without_timestamp_and_labels 12.47",
                #"something_weird{problem="division by zero"} inf @"#,
                #"http_request_duration_seconds_bucket{le="+Inf"} 144320.0"#,
                #"spaced{a="}",b=","} nan"#,
            ])
    }

    @Test func openMetricsHasExemplarsAndAnEnd() {
        let text = """
            # TYPE foo histogram
            foo_bucket{le="0.1"} 8 # {} 0.054
            foo_bucket{le="10.0"} 17 1520879607.789 # {trace_id="oHg5SJYRHA0"} 9.8 1520879607.789
            foo_count 17
            # EOF

            """
        #expect(
            read(text, .openMetrics) == [
                #"foo_bucket{le="0.1"} 8.0"#, #"foo_bucket{le="10.0"} 17.0 @"#, "foo_count 17.0",
            ])
        #expect(
            read("foo 1\n", .openMetrics) == ["foo 1.0", "the text is cut off: it does not end with # EOF"])
        #expect(
            read("# EOF\nfoo 1\n", .openMetrics) == [
                "line 2: there is something behind # EOF", "the text is cut off: it does not end with # EOF",
            ])
        // In the text format it is a comment.
        #expect(read("foo 1\n# EOF\nfoo2 1\n") == ["foo 1.0", "foo2 1.0"])
    }

    @Test func namesThatAreNoIdentifiersStandInQuotes() {
        #expect(read(#"{"my.metric","a.b"="c",d="e"} 1"#) == [#"my.metric{a.b="c",d="e"} 1.0"#])
    }

    @Test func aLineThatMakesNoSenseIsSaidAndTheRestRead() {
        let text = """
            good 1
            9bad 1
            open{a="b 1
            {a="b"} 1
            none
            word{} x
            twice{a="1",a="2"} 1
            late 1 soon
            more 1 2 3
            equals{a:"b"} 1
            fine{a="é"} 2
            """
        #expect(
            read(text) == [
                "good 1.0", "line 2: the name is malformed", "line 3: the labels have no end",
                "line 4: there is no name", "line 5: no number behind the series",
                "line 6: no number behind the series", #"line 7: the label "a" is there twice"#,
                "line 8: the timestamp is not a number", "line 9: there is something behind the timestamp",
                #"line 10: expected = behind the label "a""#, #"fine{a="é"} 2.0"#,
            ])
    }

    @Test(arguments: [
        ("0", 0), ("-0.5", -0.5), ("1e3", 1000), ("123456789012345", 123_456_789_012_345),
        ("12345678901234567168", 12_345_678_901_234_567_168), ("0.1", 0.1), ("279.25253000000004", 279.25253000000004),
        ("0x1p-2", 0.25), ("+7", 7), (".5", 0.5), ("5.", 5), ("-Inf", -Double.infinity), ("inf", .infinity),
    ])
    func numbersAreThoseOfGo(text: String, value: Double) {
        #expect(read("x \(text)") == ["x \(value)"])
    }

    @Test(arguments: ["1_000", "1e999", "abc", "nan(7)", "1.2.3", ".", "-", "0x", "--1", "١"])
    func otherTextsAreNoNumbers(text: String) {
        #expect(read("x \(text)") == ["line 1: no number behind the series"])
    }

    @Test func contentTypesSayWhichFormatItIs() {
        #expect(ExpositionFormat(contentType: nil) == .prometheus)
        #expect(ExpositionFormat(contentType: "text/plain; version=0.0.4") == .prometheus)
        #expect(
            ExpositionFormat(contentType: "application/openmetrics-text; version=1.0.0; charset=utf-8") == .openMetrics)
    }

    /// What was written comes back, whatever the labels hold; and no damage to the text traps.
    @Test func whatIsWrittenIsReadAndNoBytesTrap() {
        var random = Seeded(state: 7)
        let letters: [String] = ["a", "\"", "\\", "\n", "{", "}", ",", " ", "=", "é", "#", "日"]
        for _ in 0..<2000 {
            let value: String = (0..<Int.random(in: 1...8, using: &random)).map { _ in
                letters.randomElement(using: &random) ?? "a"
            }.joined()
            let series = Series("name", ["first": value, "second": "x"])
            let number: Double = Double(Int.random(in: -1000...1000, using: &random)) / 8
            let text = "\(series) \(number)\n"
            #expect(read(text) == ["\(series) \(number)"])
            var bytes: [UInt8] = Array(text.utf8)
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            for case .success(let line) in ExpositionReader(bytes, format: .openMetrics) {
                _ = try? ExposedSeries.parse(line.series)
            }
        }
    }
}

/// A generator whose numbers repeat from run to run (SplitMix64).
private struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed: UInt64 = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
