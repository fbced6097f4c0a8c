import AgentDaemon
import Declarations
import Telemetry
import Testing

@Suite struct LineJoiningTests {
    private let stacktrace = LogSourceSpec.Multiline(.stacktrace)

    private func join(
        _ text: String, _ multiline: LogSourceSpec.Multiline?, isComplete: Bool = true, at place: Int = 0,
        longest: Int = 1000, mostEntries: Int = .max, isContainer: Bool = false
    ) -> LineJoining.Joined {
        let split = LineSplitting(Array(text.utf8), at: place, longest: isContainer ? .max : longest)
        let lines: [RawLine] = isContainer ? split.lines.compactMap(\.unwrapped) : split.lines
        return LineJoining(multiline, longest: longest).joined(
            lines, end: split.end, isComplete: isComplete, mostEntries: mostEntries)
    }

    private func texts(_ joined: LineJoining.Joined) -> [String] { joined.entries.map { $0.text.text } }

    @Test(arguments: [
        """
        2026-11-21 03:09:42 ERROR request failed
        java.lang.IllegalStateException: no such user
        \tat com.example.Users.find(Users.java:42)
        \tat com.example.Main.main(Main.java:7)
        Caused by: java.io.IOException: closed
        \t... 23 more
        """,
        """
        ERROR:root:it failed
        Traceback (most recent call last):
          File "/srv/app.py", line 3, in <module>
            run()
        ValueError: no such user

        During handling of the above exception, another exception occurred:

        Traceback (most recent call last):
          File "/srv/app.py", line 9, in <module>
        RuntimeError: gave up
        """,
        """
        panic: runtime error: index out of range [5] with length 3
        [signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x45f3a2]

        goroutine 1 [running]:
        main.(*Server).run(0xc000010000, {0x1, 0x2})
        \t/srv/main.go:12 +0x1d
        created by main.main
        \t/srv/main.go:4 +0x1d
        exit status 2
        """,
        """
        thread 'main' panicked at src/main.rs:4:5:
        index out of bounds: the len is 3 but the index is 5
        stack backtrace:
           0: rust_begin_unwind
                     at /rustc/library/std/src/panicking.rs:645:5
        note: run with `RUST_BACKTRACE=full` for a verbose backtrace.
        """,
        """
        TypeError: Cannot read properties of undefined (reading 'id')
            at find (/srv/app.js:3:9)
            at Object.<anonymous> (/srv/app.js:7:1)
        """,
    ])
    func aStackTraceIsOneEntry(trace: String) {
        let joined = join("before\n\(trace)\n2026-11-21 03:09:43 INFO after\n", stacktrace)
        let whole: String = trace.split(separator: "\n").joined(separator: "\n")
        #expect(texts(joined) == ["before", whole, "2026-11-21 03:09:43 INFO after"])
        #expect(joined.entries.map(\.place) == [0, 7, 8 + trace.utf8.count])
    }

    @Test func linesOfTheirOwnAreNotJoined() {
        let text = "one\nError: x\nnote: y\nGET /a.b.c\nmain(1)\nfoo.bar: baz\n"
        #expect(join(text, stacktrace).entries.count == 6)
    }

    @Test func anEntryBeginsWhereTheExpressionMatches() {
        let multiline = LogSourceSpec.Multiline(.start(#"^\[|^BEGIN"#))
        let joined = join("[1] a\n b\nc\n[2] d\nBEGIN e\nf [\n", multiline)
        #expect(texts(joined) == ["[1] a\n b\nc", "[2] d", "BEGIN e\nf ["])
        // What stands above the first beginning is an entry too.
        #expect(texts(join("x\ny\n[1] a\n", multiline)) == ["x\ny", "[1] a"])
    }

    @Test func theLastEntryWaitsForWhatMayFollow() {
        let open = join("one\ntwo\n  of two\n", stacktrace, isComplete: false, at: 100)
        #expect(texts(open) == ["one"])
        #expect(open.end == 104)
        let closed = join("two\n  of two\n  more\n", stacktrace, at: 104)
        #expect(texts(closed) == ["two\n  of two\n  more"])
        #expect(closed.end == 104 + 20)
    }

    @Test func anEntryIsBoundedAndWhatFollowsIsAnother() {
        var multiline: LogSourceSpec.Multiline = stacktrace
        multiline.maxLines = 3
        #expect(texts(join("a\n b\n c\n d\n e\n", multiline)) == ["a\n b\n c", " d\n e"])
        let long: String = "\t" + String(repeating: "x", count: 900)
        let joined = join("a\n" + String(repeating: long + "\n", count: 200), stacktrace)
        #expect(joined.entries.count == 3)
        #expect(joined.entries.allSatisfy { $0.bytes.count <= LineJoining.mostBytes })
        #expect(joined.entries.map { $0.text.text.split(separator: "\n").count }.reduce(0, +) == 201)
    }

    @Test func aRequestEndsBetweenTwoEntries() {
        let joined = join("a\n 1\nb\n 2\nc\n", stacktrace, mostEntries: 1)
        #expect(texts(joined) == ["a\n 1"])
        #expect(joined.end == 5)
    }

    /// Wherever a content is cut into pieces, its entries come out once and whole.
    @Test(arguments: 1..<40) func entriesDoNotDependOnTheirPieces(size: Int) {
        let content: [UInt8] = Array("one\n a\n b\ntwo\nthree\n\tc\nfour\n".utf8)
        var entries: [RawLine] = []
        var position = 0
        var visible: Int = size
        let joining = LineJoining(stacktrace, longest: 99)
        while position < content.count {
            let split = LineSplitting(Array(content[position..<min(visible, content.count)]), at: position, longest: 99)
            let joined = joining.joined(split.lines, end: split.end, isComplete: visible >= content.count)
            entries += joined.entries
            position = joined.end
            visible += size
        }
        #expect(entries.map { $0.text.text } == ["one\n a\n b", "two", "three\n\tc", "four"])
    }

    // Shows F-AG-19
    @Test func theWrappersOfContainersAreTakenOff() {
        let docker = #"""
            {"log":"one\n","stream":"stdout","time":"2026-11-21T03:09:42.5Z"}
            {"log":"two ","stream":"stdout","time":"2026-11-21T03:09:43Z"}
            {"log":"err\n","stream":"stderr","time":"2026-11-21T03:09:43.1Z"}
            {"log":"halves\r\n","stream":"stdout","time":"2026-11-21T03:09:43.2Z"}
            {"log":"\n","stream":"stdout","time":"2026-11-21T03:09:44Z"}
            not of the runtime

            """#
        let joined = join(docker, nil, isContainer: true)
        #expect(texts(joined) == ["one", "two halves", "err", "not of the runtime"])
        #expect(joined.entries.map { $0.wrapper?.stream } == ["stdout", "stdout", "stderr", nil])
        #expect(joined.entries[1].wrapper?.time?.rfc3339 == "2026-11-21T03:09:43Z")
        let pods = """
            2026-11-21T03:09:42.5Z stdout F one
            2026-11-21T03:09:43.123456789Z stderr P two\u{20}
            2026-11-21T03:09:43.2Z stderr F halves
            2026-11-21T03:09:43.2Z stderr F:x tagged
            2026-11-21T03:09:43.3Z stdout F

            """
        #expect(texts(join(pods, nil, isContainer: true)) == ["one", "two halves", "tagged"])
    }

    @Test func halfOfAContainersLineWaitsAndNothingOfItIsTaken() {
        let text = """
            2026-11-21T03:09:42Z stdout F one
            2026-11-21T03:09:43Z stdout P two
            2026-11-21T03:09:43Z stderr F err

            """
        let open = join(text, nil, isComplete: false, isContainer: true)
        #expect(texts(open) == ["one"])
        #expect(open.end == 34)
        // The other stream's line is read again with it, and so in the order of the file.
        #expect(texts(join(text, nil, isContainer: true)) == ["one", "two", "err"])
    }

    @Test func tracesOfTwoStreamsOfAContainerAreToldApart() {
        let text = """
            2026-11-21T03:09:42Z stdout F out
            2026-11-21T03:09:42Z stderr F panic: x
            2026-11-21T03:09:42Z stdout F  of out
            2026-11-21T03:09:42Z stderr F goroutine 1 [running]:
            2026-11-21T03:09:50Z stdout F next

            """
        let joined = join(text, stacktrace, isComplete: false, isContainer: true)
        #expect(texts(joined) == ["out\n of out", "panic: x\ngoroutine 1 [running]:"])
    }

    @Test func aLineOfManyPartsIsCutWhereALineMayEnd() {
        let part: String = String(repeating: "é", count: 30)
        let text: String =
            (0..<10).map { _ in "2026-11-21T03:09:42Z stdout P \(part)\n" }.joined()
            + "2026-11-21T03:09:42Z stdout F end\n"
        let joined = join(text, nil, longest: 101, isContainer: true)
        #expect(texts(joined) == [String(repeating: "é", count: 50)])
        #expect(joined.entries[0].isCut)
    }

    /// Whatever stands in a file: entries in order, and no trap.
    @Test(arguments: 0..<200) func noBytesTrap(seed: UInt64) {
        var random = SplitMix(state: seed)
        let pieces = [
            "{\"log\":\"", "\\n\"", ",\"stream\":\"stdout\"}", "2026-11-21T03:09:42Z stdout ", "P ", "F x", "\n", "\n",
            " ",
            "\t", "panic: ", "Traceback (most recent call last):", "thread '", "' panicked at :", ")", "(", "\u{0}",
            "é",
        ]
        let text: String = (0..<60).map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
        for isContainer in [false, true] {
            for multiline in [nil, stacktrace, LogSourceSpec.Multiline(.start("x"))] {
                let joined = join(text, multiline, longest: 5, isContainer: isContainer)
                #expect(joined.entries.map(\.place) == joined.entries.map(\.place).sorted())
            }
        }
    }
}

/// So that a failure can be run again.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed: UInt64 = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
