import GitStore
import TestSupport
import Testing

@Suite("Reading the tree of a commit")
struct TreeTests {
    @Test func manifestsAreReadAndOtherFilesAreNot() async throws {
        let remote = try await TestGitRepository()
        try await remote.commit([
            "b.yaml": "b\n", "a.yml": "a\n", "deep/er/c.yaml": "c\n", "README.md": "x", ".github/ci.yaml": "x",
            ".hidden.yaml": "x", "größe/日本.yaml": "ü\n", "with space.yaml": "s\n", "empty.yaml": "",
        ])
        let fixture = try StoreFixture()
        let head = try await fixture.fetch(remote).head

        let listing = try await fixture.store.tree(of: head)

        #expect(
            listing.paths == [
                "a.yml", "b.yaml", "deep/er/c.yaml", "empty.yaml", "größe/日本.yaml", "with space.yaml",
            ])
        #expect(listing.text("größe/日本.yaml") == "ü\n")
        #expect(listing.text("empty.yaml")?.isEmpty == true)
        #expect(listing.refusals.isEmpty)
    }

    @Test func onlyTheFolderThatIsAskedForIsReadAndItsAbsenceIsAnError() async throws {
        let remote = try await TestGitRepository()
        try await remote.commit(["config/a.yaml": "a\n", "other/b.yaml": "b\n", "config/rules/r.yaml": "r\n"])
        let fixture = try StoreFixture()
        let head = try await fixture.fetch(remote).head

        #expect(try await fixture.store.tree(of: head, TreeFilter(root: "config")).paths == ["a.yaml", "rules/r.yaml"])
        let without = TreeFilter(root: "config", excluded: ["rules"])
        #expect(try await fixture.store.tree(of: head, without).paths == ["a.yaml"])
        for root in ["absent", "config/a.yaml", "config/a.yaml/x"] {
            let error = try await gitError { try await fixture.store.tree(of: head, TreeFilter(root: root)) }
            #expect(error?.code == .pathNotFound, "\(root): \(String(describing: error))")
        }
    }

    @Test func theIgnoreFileTakesFilesOutAsGitignoreWould() async throws {
        let remote = try await TestGitRepository()
        try await remote.commit([
            ".plumbignore": "# charts\n/charts/\n*.tmpl.yaml\n!keep.tmpl.yaml\n", "a.yaml": "", "charts/c.yaml": "",
            "x/charts/d.yaml": "", "b.tmpl.yaml": "", "keep.tmpl.yaml": "",
        ])
        let fixture = try StoreFixture()
        let head = try await fixture.fetch(remote).head

        let listing = try await fixture.store.tree(of: head)

        #expect(listing.paths == ["a.yaml", "keep.tmpl.yaml", "x/charts/d.yaml"])
        #expect(listing.ignoredCount == 2)
    }

    @Test func knownBlobsComeWithoutTheirBytes() async throws {
        let remote = try await TestGitRepository()
        try await remote.commit(["a.yaml": "a\n", "b.yaml": "b\n"])
        let fixture = try StoreFixture()
        let first = try await fixture.store.tree(of: try await fixture.fetch(remote).head)
        try await remote.commit(["b.yaml": "changed\n"])
        let head = try await fixture.fetch(remote).head

        let second = try await fixture.store.tree(of: head, known: Set(first.files.map(\.blob)))

        #expect(second.paths == ["a.yaml", "b.yaml"])
        #expect(second.files.map { $0.bytes != nil } == [false, true])
        #expect(second.text("b.yaml") == "changed\n")
        #expect(second.files.map(\.size) == [2, 8])
    }

    // Shows F-GO-12
    @Test func symbolicLinksAndSubmodulesAreRefusedAndNotFollowed() async throws {
        let remote = try await TestGitRepository()
        let other = try await TestGitRepository()
        let commit: String = try await other.commit(["x.yaml": "x"])
        try await remote.commitLocally(["a.yaml": "a\n", ".plumbignore": "/tools\n"])
        let link: String = try await remote.git("rev-parse", "HEAD:a.yaml")
        for (mode, object, path) in [
            ("120000", link, "link.yaml"), ("120000", link, "folder"), ("120000", link, "tools"),
            ("160000", commit, "sub"),
        ] {
            try await remote.git("update-index", "--add", "--cacheinfo", "\(mode),\(object),\(path)")
        }
        try await remote.git("commit", "-q", "-m", "links")
        try await remote.push()
        let fixture = try StoreFixture()

        let listing = try await fixture.store.tree(of: try await fixture.fetch(remote).head)

        #expect(listing.paths == ["a.yaml"])
        #expect(listing.refusals.map(\.path) == ["folder", "link.yaml", "sub"])
        #expect(listing.refusals.map(\.reason) == [.symlink, .symlink, .submodule])
    }

    /// A link's text is no list of rules, and what it leads to is not read.
    @Test func aLinkInThePlaceOfTheIgnoreFileIsRefused() async throws {
        let remote = try await TestGitRepository()
        try await remote.commitLocally(["a.yaml": "a\n", "rules": "*.yaml"])
        let link: String = try await remote.git("rev-parse", "HEAD:rules")
        try await remote.git("update-index", "--add", "--cacheinfo", "120000,\(link),.plumbignore")
        try await remote.git("commit", "-q", "-m", "link")
        try await remote.push()
        let fixture = try StoreFixture()

        let listing = try await fixture.store.tree(of: try await fixture.fetch(remote).head)

        #expect(listing.paths == ["a.yaml"])
        #expect(listing.refusals.map(\.path) == [".plumbignore"])
        #expect(listing.refusals.map(\.reason) == [.symlink])
    }

    // Shows F-GO-12
    @Test func namesThatLeadAstrayAreRefused() async throws {
        let remote = try await TestGitRepository()
        try await remote.commitLocally(["a.yaml": "a\n"])
        let blob: String = try await remote.git("rev-parse", "HEAD:a.yaml")
        // git's own index refuses "..", so the trees are written by hand.
        let inner: String = try await remote.tree([("100644", "blob", blob, "evil.yaml")])
        let tree: String = try await remote.tree([
            ("040000", "tree", inner, ".."), ("100644", "blob", blob, "a.yaml"),
            ("100644", "blob", blob, "back\\slash.yaml"), ("100644", "blob", blob, "new\nline.yaml"),
            ("100644", "blob", blob, "right\u{202e}lmay.yaml"),
        ])
        let commit: String = try await remote.git("commit-tree", tree, "-m", "names")
        try await remote.git("push", "-q", "origin", "\(commit):refs/heads/main")
        let fixture = try StoreFixture()

        let listing = try await fixture.store.tree(of: try await fixture.fetch(remote).head)

        #expect(listing.paths == ["a.yaml"])
        #expect(listing.refusals.map(\.reason) == [.name, .name, .name, .name])
        #expect(listing.refusals.first?.path == "..")
    }

    @Test func whatIsTooLargeIsRefusedWithItsReason() async throws {
        let remote = try await TestGitRepository()
        try await remote.commit([
            "a.yaml": String(repeating: "a", count: 100), "b.yaml": String(repeating: "b", count: 101),
            "c.yaml": String(repeating: "c", count: 90), "d.yaml": String(repeating: "d", count: 90),
        ])
        let head: ObjectID
        var limits = GitLimits()
        limits.fileBytes = 100
        do {
            let fixture = try StoreFixture(limits: limits)
            head = try await fixture.fetch(remote).head
            let listing = try await fixture.store.tree(of: head)
            #expect(listing.paths == ["a.yaml", "c.yaml", "d.yaml"])
            #expect(listing.refusals.map(\.path) == ["b.yaml"])
            #expect(listing.refusals.first?.message == "the file has 101 bytes; up to 100 are read")
        }
        limits.totalBytes = 250
        do {
            let fixture = try StoreFixture(limits: limits)
            _ = try await fixture.fetch(remote)
            let listing = try await fixture.store.tree(of: head)
            #expect(listing.paths == ["a.yaml", "c.yaml"])
            #expect(listing.refusals.map(\.reason) == [.fileTooLarge, .treeTooLarge])
        }
        limits.files = 2
        let fixture = try StoreFixture(limits: limits)
        _ = try await fixture.fetch(remote)
        #expect(try await fixture.store.tree(of: head).refusals.map(\.reason).last == .tooManyFiles)
    }

    @Test func anyBytesComeThroughAsTheyAre() async throws {
        let remote = try await TestGitRepository()
        let bytes: [UInt8] = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let scratch = try TemporaryFolder()
        let file: String = try scratch.write(bytes, to: "bytes")
        try await remote.commitLocally(["a.yaml": "a\n"])
        let blob: String = try await remote.git("hash-object", "-w", file)
        try await remote.git("update-index", "--add", "--cacheinfo", "100755,\(blob),raw.yaml")
        try await remote.git("commit", "-q", "-m", "bytes")
        try await remote.push()
        let fixture = try StoreFixture()

        let listing = try await fixture.store.tree(of: try await fixture.fetch(remote).head)

        #expect(listing.files.last?.bytes == bytes)
    }
}

extension TestGitRepository {
    /// Writes a tree object, whatever the names in it.
    fileprivate func tree(_ entries: [(mode: String, type: String, id: String, name: String)]) async throws -> String {
        let scratch = try TemporaryFolder()
        var bytes: [UInt8] = []
        for entry in entries {
            var digits: [UInt8] = []
            var rest: Substring = entry.id[...]
            while !rest.isEmpty {
                digits.append(UInt8(rest.prefix(2), radix: 16) ?? 0)
                rest = rest.dropFirst(2)
            }
            let mode: Substring = entry.mode.drop { $0 == "0" }
            bytes += Array("\(mode) \(entry.name)".utf8) + [0] + digits
        }
        let file: String = try scratch.write(bytes, to: "tree")
        return try await git("hash-object", "-t", "tree", "-w", "--literally", file)
    }
}
