import Declarations
import Manifests
import Testing

@Suite struct ComposeManifestTests {
    private func compose(_ text: String) -> (documents: [ManifestDocument], problems: [Diagnostic]) {
        composeManifest(file: "m.yaml", bytes: Array(text.utf8))
    }

    private func problems(_ text: String) -> [String] { compose(text).problems.map(\.description) }

    /// The tree as text: `line:column` before each node, plain scalars without quotes.
    private func drawn(_ node: Node) -> String {
        let place = "\(node.mark.line):\(node.mark.column)"
        return switch node {
        case .scalar(let text, let isPlain, _): place + " " + (isPlain ? text : "'\(text)'")
        case .sequence(let items, _): place + " [" + items.map(drawn).joined(separator: ", ") + "]"
        case .mapping(let pairs, _):
            place + " {" + pairs.map { drawn($0.key) + ": " + drawn($0.value) }.joined(separator: ", ") + "}"
        }
    }

    @Test func eachNodeKnowsItsPlaceInCharacters() {
        let composed = compose("# é\na:\n  - {é: \"x\", b: 'y'}\n  - |\n    z\n---\n[1, true]\n")
        #expect(composed.problems.isEmpty)
        #expect(
            composed.documents.map { drawn($0.root) } == [
                "2:1 {2:1 a: 3:3 [3:5 {3:6 é: 3:9 'x', 3:14 b: 3:17 'y'}, 4:5 'z\n']}",
                "7:1 [7:2 1, 7:5 true]",
            ])
    }

    @Test func duplicateKeysAreKept() {
        #expect(drawn(compose("a: 1\na: 2").documents[0].root) == "1:1 {1:1 a: 1:4 1, 2:1 a: 2:4 2}")
    }

    @Test func emptyFilesHoldNothing() {
        for text in ["", "# only a comment\n", "\n\n", "\u{FEFF}"] {
            #expect(compose(text).documents.isEmpty)
            #expect(problems(text).isEmpty)
        }
    }

    @Test func documentsBeforeASyntaxErrorAreGiven() {
        let composed = compose("a: 1\n---\nb: [1\nc: 2\n")
        #expect(composed.documents.count == 1)
        #expect(composed.problems.count == 1)
        #expect(composed.problems[0].mark.line >= 3)
    }

    @Test func tabsAreNamedAsTheReason() {
        let found: [String] = problems("spec:\n\texpr: up\n")
        #expect(found.count == 1)
        #expect(found[0].hasPrefix("m.yaml:2:1: "))
        #expect(found[0].hasSuffix("YAML is indented by spaces, not tabs"))
    }

    @Test func aliasesAndAnchorsAreRefusedEachAtItsPlace() {
        #expect(
            problems("a: &x 1\nb: *x\nc: *x\n") == [
                "m.yaml:1:4: anchors are not supported: write the value where it is needed",
                "m.yaml:2:4: the alias *x is not supported: write the value where it is needed",
                "m.yaml:3:4: the alias *x is not supported: write the value where it is needed",
            ])
    }

    @Test func onlyCoreTagsAreTaken() {
        let composed = compose(
            "a: !!str 1\nb: ! 2\nc: !!int \"3\"\nd: !secret x\ne: !!binary x\nf: !!map {}\ng: !!set {}\n")
        #expect(
            composed.problems.map(\.description) == [
                "m.yaml:4:4: the tag !secret is not supported: leave it out",
                "m.yaml:5:4: the tag tag:yaml.org,2002:binary is not supported: leave it out",
                "m.yaml:7:4: the tag tag:yaml.org,2002:set is not supported: leave it out",
            ])
        #expect(drawn(composed.documents[0].root).contains("1:1 a: 1:4 '1', 2:1 b: 2:4 '2', 3:1 c: 3:4 3,"))
    }

    @Test func nestingAndSizeAreLimited() {
        #expect(problems(String(repeating: "[", count: 64) + String(repeating: "]", count: 64)).isEmpty)
        let deep: [String] = problems(String(repeating: "[", count: 10_000))
        #expect(deep == ["m.yaml:1:65: nested deeper than 64"])
        let wide: [String] = problems("[" + String(repeating: "1,", count: 200_000) + "]")
        #expect(wide.count == 1)
        #expect(wide[0].hasSuffix("the file has more than 100000 values"))
    }

    @Test func whatIsNoTextIsRefusedWithItsPlace() {
        let latin: [UInt8] = Array("a: é\nb: caf".utf8) + [0xE9, 0x0A]
        let composed = composeManifest(file: "m.yaml", bytes: latin)
        #expect(composed.documents.isEmpty)
        #expect(composed.problems.map(\.description) == ["m.yaml:2:7: the file is not UTF-8 text"])
        #expect(problems("a: 1\nb: \u{1}\n") == ["m.yaml:2:4: control characters are not allowed"])
    }

    @Test func manyParsersLeaveNothingBehind() {
        for _ in 0..<10_000 { #expect(compose("{a: [b").problems.count == 1) }
    }
}
