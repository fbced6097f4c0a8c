import AgentDaemon
import Testing

@Suite struct LineSplittingTests {
    private func split(
        _ text: String, at place: Int = 0, longest: Int = 100, takesRest: Bool = false
    ) -> LineSplitting {
        LineSplitting(Array(text.utf8), at: place, longest: longest, takesRest: takesRest)
    }

    private func texts(_ splitting: LineSplitting) -> [String] { splitting.lines.map { $0.text.text } }

    // Shows F-AG-16, W-A-05
    @Test func anUnfinishedLastLineWaitsForItsEnd() {
        let first = split("one\ntwo\nthr", at: 100)
        #expect(texts(first) == ["one", "two"])
        #expect(first.lines.map(\.place) == [100, 104])
        #expect(first.end == 108)
        #expect(texts(split("thr", takesRest: true)) == ["thr"])
        #expect(split("thr", takesRest: true).end == 3)
    }

    // Shows F-AG-16
    @Test func carriageReturnsAndBlankLinesAreNoContent() {
        let splitting = split("a\r\n\r\n \t\n\nb\n")
        #expect(texts(splitting) == ["a", "b"])
        #expect(splitting.lines.map(\.place) == [0, 9])
        #expect(splitting.end == 11)
    }

    // Shows F-AG-16, W-A-06
    @Test(arguments: [
        ("aé", 2, "a"), ("a€b", 3, "a"), ("a€b", 4, "a€"), ("😀😀", 7, "😀"), ("😀😀", 4, "😀"), ("abc", 3, "abc"),
    ])
    func aLongLineIsCutBetweenCharacters(text: String, longest: Int, kept: String) {
        let splitting = split(text + "\nnext\n", longest: max(longest, 4))
        let short = split(text + "\n", longest: longest)
        #expect(texts(short) == [kept])
        #expect(short.lines[0].isCut == (kept != text))
        #expect(short.end == text.utf8.count + 1)
        #expect(texts(splitting).last == "next")
    }

    // Shows W-A-05
    @Test func theRestOfALongLineIsLeftOutAndWhatFollowsIsNot() {
        let splitting = split(String(repeating: "x", count: 70_000) + "\nnext\n", longest: 4096)
        #expect(splitting.lines.map(\.bytes.count) == [4096, 4])
        #expect(splitting.lines.map(\.place) == [0, 70_001])
    }

    // Shows F-AG-16, W-A-03
    @Test func bytesThatAreNoTextAreReplaced() {
        let line = RawLine(place: 0, bytes: [0x61, 0xFF, 0x00, 0xC3, 0x62])
        #expect(line.text.text == "a\u{FFFD}\u{FFFD}\u{FFFD}b")
        #expect(line.text.isRepaired)
        #expect(!RawLine(place: 0, bytes: Array("é".utf8)).text.isRepaired)
    }

    // Shows F-AG-16, W-A-03
    @Test func nulsBeforeALineAreNoneOfItAndAloneAreNone() {
        let splitting = split("\0\0a\0b\n\0\0\n\0 \0\r\n\0c\n")
        #expect(texts(splitting) == ["a\u{FFFD}b", "c"])
        #expect(splitting.lines.map(\.place) == [2, 15])
        #expect(splitting.end == 17)
        #expect(split(String(repeating: "\0", count: 200), takesRest: true).lines.isEmpty)
    }

    @Test func aRequestTakesNoMoreThanItMay() {
        let bytes: [UInt8] = Array("aa\nbb\ncc\n".utf8)
        #expect(LineSplitting(bytes, at: 0, longest: 9, mostLines: 2).end == 6)
        #expect(LineSplitting(bytes, at: 0, longest: 9, mostBytes: 1).end == 3)
    }

    /// However a content is cut into pieces, its lines come out once and whole.
    @Test(arguments: 1..<40) func linesDoNotDependOnTheirPieces(size: Int) {
        let content: [UInt8] = Array("one\n\ntwo three\r\né😀\nfour\n".utf8)
        var lines: [RawLine] = []
        var position = 0
        var visible: Int = size
        while position < content.count {
            let splitting = LineSplitting(
                Array(content[position..<min(visible, content.count)]), at: position, longest: 99)
            lines += splitting.lines
            position = splitting.end
            visible += size
        }
        #expect(lines.map { $0.text.text } == ["one", "two three", "é😀", "four"])
        #expect(lines.map(\.place) == [0, 5, 16, 23])
    }

    @Test(arguments: [
        ("app-1.log", "app.log", true), ("app.2026-11-21.log", "app.log", true), ("app.log.1", "app.log", false),
        ("app-x.log", "app.log", false), ("app.log", "app.log", false), ("app-1.txt", "app.log", false),
        ("app-.log", "app.log", false), ("app-1", "app", false), ("apple-1.log", "app.log", false),
    ])
    func namesWithTheMarkInsideAreKnown(name: String, base: String, isRotated: Bool) {
        #expect(isInnerRotatedName(name, of: base) == isRotated)
    }

    @Test(arguments: [
        ("app.log.1", "app.log", true), ("app.log-20261121", "app.log", true), ("app.log", "app.log", false),
        ("app.log2", "app.log", false), ("app.log.1.gz", "app.log", false), ("xapp.log.1", "app.log", false),
        ("app.log.", "app.log", false), ("app.log.old", "app.log", true), ("syslog-ng.log", "syslog", false),
        ("app.log.2026-11-21T03:00", "app.log", true), ("app.log.err", "app.log", false),
    ])
    func rotatedNamesAreKnown(name: String, base: String, isRotated: Bool) {
        #expect(isRotatedName(name, of: base) == isRotated)
    }
}
