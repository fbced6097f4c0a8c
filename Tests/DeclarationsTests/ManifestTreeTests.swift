import Declarations
import Testing

@Suite struct ManifestTreeTests {
    private func selected(_ paths: [String], below root: String = "", ignore: String = "") -> [String] {
        ManifestTree.select(paths.map { .init(path: $0, bytes: 10) }, below: root, ignore: ignore).manifests
    }

    @Test func manifestsAreYAMLFilesWhoseNamesDoNotBeginWithADot() {
        let paths = [
            "z.yaml", "a/b.yml", "README.md", ".github/ci.yaml", "a/.hidden.yaml", "yaml", "a.yaml/b", "a/.x/c.yaml",
        ]
        #expect(selected(paths) == ["a/b.yml", "z.yaml"])
    }

    @Test func onlyWhatLiesBelowTheConfiguredPathCounts() {
        let paths = ["prod/a.yaml", "production/b.yaml", "test/c.yaml", "prod/x/d.yaml"]
        for root in ["prod", "/prod/", "./prod"] {
            #expect(selected(paths, below: root) == ["prod/a.yaml", "prod/x/d.yaml"])
        }
        #expect(selected([".config/a.yaml"], below: ".config") == [".config/a.yaml"])
    }

    @Test func aTreeBeyondItsLimitsIsNamed() {
        let files: [ManifestTree.File] = (0..<10_001).map { .init(path: "\(10_000 + $0).yaml", bytes: 10) }
        let many = ManifestTree.select(files)
        #expect(many.problems.map(\.file) == ["20000.yaml"])
        let big = ManifestTree.select([
            .init(path: "a.yaml", bytes: 1 << 20), .init(path: "b.yaml", bytes: (1 << 20) + 1),
        ])
        #expect(big.problems.map(\.file) == ["b.yaml"])
        let total = ManifestTree.select((100..<165).map { .init(path: "\($0).yaml", bytes: 1 << 20) })
        #expect(total.problems.map(\.file) == ["164.yaml"])
        #expect(
            ManifestTree.select([.init(path: "a.yaml", bytes: .max), .init(path: "b.yaml", bytes: .max)]).problems.count
                == 3)
    }

    /// The expectations were taken from `git check-ignore`.
    @Test(
        arguments: [
            ("drafts/", ["drafts/a.yaml", "x/drafts/a.yaml"], ["drafts.yaml"]),
            ("/drafts", ["drafts/a.yaml"], ["x/drafts/a.yaml"]),
            ("*.yml", ["a.yml", "x/a.yml"], ["a.yaml"]),
            ("a/*.yaml", ["a/b.yaml"], ["a/b/c.yaml", "x/a/b.yaml"]),
            ("a/**/b.yaml", ["a/b.yaml", "a/x/b.yaml", "a/x/y/b.yaml"], ["b.yaml", "x/a/b.yaml"]),
            ("**/b.yaml", ["b.yaml", "x/b.yaml"], ["a.yaml"]),
            ("a/**", ["a/b.yaml", "a/x/b.yaml"], ["a.yaml", "x/a/b.yaml"]),
            ("*.yaml\n!keep.yaml", ["a.yaml", "x/a.yaml"], ["keep.yaml", "x/keep.yaml"]),
            ("x/\n!x/keep.yaml", ["x/keep.yaml"], ["keep.yaml"]),
            ("x/*\n!x/keep.yaml", ["x/a.yaml"], ["x/keep.yaml"]),
            ("# all\n\n  \n\\#a.yaml  ", ["#a.yaml"], ["all", "a.yaml"]),
            ("[ab].yaml\r\n?x.yaml", ["a.yaml", "qx.yaml"], ["c.yaml", "x.yaml"]),
            ("[", [], ["[", "a.yaml"]),
            ("/", [], ["a.yaml"]),
            ("**", ["a.yaml", "x/a.yaml"], []),
            ("x/**/", ["x/y/a.yaml"], ["x/a.yaml"]),
            ("!a.yaml", [], ["a.yaml"]),
        ] as [(String, [String], [String])])
    func ignoreRulesMeanWhatTheyMeanInGit(rules: String, ignored: [String], kept: [String]) {
        let rules = IgnoreRules(rules)
        for path in ignored { #expect(rules.ignores(path), "\(path)") }
        for path in kept { #expect(!rules.ignores(path), "\(path)") }
    }

    @Test func ignoredFilesAreNoManifests() {
        let paths = ["conf/a.yaml", "conf/old/b.yaml"]
        #expect(selected(paths, below: "conf", ignore: "/old/") == ["conf/a.yaml"])
    }
}
