import CLibgit2

extension RepositoryReader {
    func sources(
        at commit: ObjectID, root: String, of questions: [SourceQuestion], bounds: SourceSearch.Bounds
    ) throws(GitError) -> GitSources {
        _ = try lookUp(commit)
        return try inStore { () throws(LibraryFailure) in
            var search = SourceSearch(bounds: bounds, questions: questions, root: root)
            try search.run(from: commit, in: repository)
            var commits: [ObjectID: GitCommit] = [:]
            for id in Set(search.answers.compactMap { $0 }) {
                var oid: git_oid = id.oid
                commits[id] = GitCommit(try Handle { unsafe git_commit_lookup($0, repository.pointer, &oid) })
            }
            return GitSources(answers: search.answers, commits: commits)
        }
    }
}

/// Follows files, and passages of files, back to the commits that brought them.
///
/// Each passage stands at one commit at a time. Where a parent has the same file, or a file that holds the same lines,
/// the passage moves to that parent; else this commit brought it. So what only moved within its file, or came through a
/// merge, is followed to where it was written. Commits are taken newest first, so that many passages share the work;
/// the result does not depend on that order.
struct SourceSearch {
    struct Bounds {
        var commits: Int
        var budget: Duration
    }

    /// One answer for each question; nil until it is found.
    private(set) var answers: [ObjectID?]
    private let bounds: Bounds
    private let questions: [SourceQuestion]
    private let root: String
    private var standing: [ObjectID: Place] = [:]
    private var cache = ObjectCache()

    private struct Place {
        var time: Int64
        var passages: [Passage]
    }

    private struct Passage {
        var question: Int
        var folder: String
        var name: String
        /// Nil for the file as a whole.
        var lines: [UInt8]?
    }

    init(bounds: Bounds, questions: [SourceQuestion], root: String) {
        self.bounds = bounds
        self.questions = questions
        self.root = root
        answers = [ObjectID?](repeating: nil, count: questions.count)
    }

    mutating func run(from head: ObjectID, in repository: borrowing Handle<RepositoryKind>) throws(LibraryFailure) {
        let clock = ContinuousClock()
        let end: ContinuousClock.Instant = clock.now + bounds.budget
        let commit: CommitOutline = try .read(head, in: repository)
        standing[head] = Place(time: commit.time, passages: try passages(at: commit, in: repository))
        var visited = 0
        while let (id, place) = standing.max(by: { $0.value.time < $1.value.time }) {
            guard visited < bounds.commits, clock.now < end else { return }
            visited += 1
            standing[id] = nil
            try step(at: .read(id, in: repository), place.passages, in: repository)
        }
    }

    /// Where the questions start; those about files that are not there stay without an answer.
    private mutating func passages(
        at commit: CommitOutline, in repository: borrowing Handle<RepositoryKind>
    ) throws(LibraryFailure) -> [Passage] {
        var passages: [Passage] = []
        for (index, question) in questions.enumerated() {
            var parts: [Substring] = (root.split(separator: "/") + question.path.split(separator: "/"))
            guard let name = parts.popLast() else { continue }
            var passage = Passage(
                question: index, folder: parts.joined(separator: "/"), name: String(name), lines: nil)
            let folder: ObjectID? = try cache.folder(passage.folder, of: commit.tree, in: repository)
            guard let blob = try cache.blob(passage.name, in: folder, repository) else { continue }
            if let lines = question.lines {
                passage.lines = try cache.bytes(of: blob, in: repository).passage(lines)
            }
            passages.append(passage)
        }
        return passages
    }

    /// Moves the passages of one commit on to its parents, or finds that it brought them.
    private mutating func step(
        at commit: CommitOutline, _ passages: [Passage], in repository: borrowing Handle<RepositoryKind>
    ) throws(LibraryFailure) {
        var remaining: [Passage] = passages
        for parentID in commit.parents where !remaining.isEmpty {
            let parent: CommitOutline = try .read(parentID, in: repository)
            var moving: [Passage] = []
            var staying: [Passage] = []
            for passage in remaining {
                if try isIn(parent, as: commit, passage, repository) {
                    moving.append(passage)
                } else {
                    staying.append(passage)
                }
            }
            if !moving.isEmpty {
                standing[parentID, default: Place(time: parent.time, passages: [])].passages += moving
            }
            remaining = staying
        }
        for passage in remaining { answers[passage.question] = commit.id }
    }

    private mutating func isIn(
        _ parent: CommitOutline, as commit: CommitOutline, _ passage: Passage,
        _ repository: borrowing Handle<RepositoryKind>
    ) throws(LibraryFailure) -> Bool {
        guard parent.tree != commit.tree else { return true }
        let folder: ObjectID? = try cache.folder(passage.folder, of: commit.tree, in: repository)
        let earlierFolder: ObjectID? = try cache.folder(passage.folder, of: parent.tree, in: repository)
        guard folder != earlierFolder else { return true }
        guard let earlier = try cache.blob(passage.name, in: earlierFolder, repository) else { return false }
        if try cache.blob(passage.name, in: folder, repository) == earlier { return true }
        guard let lines = passage.lines else { return false }
        return try cache.bytes(of: earlier, in: repository).holdsLines(lines)
    }
}

/// What a search needs of a commit.
private struct CommitOutline {
    var id: ObjectID
    var tree: ObjectID
    var parents: [ObjectID]
    var time: Int64

    static func read(
        _ id: ObjectID, in repository: borrowing Handle<RepositoryKind>
    ) throws(LibraryFailure) -> CommitOutline {
        var oid: git_oid = id.oid
        let commit = try Handle<CommitKind> { unsafe git_commit_lookup($0, repository.pointer, &oid) }
        let parents: [ObjectID] = unsafe (0..<git_commit_parentcount(commit.pointer)).compactMap { index in
            unsafe git_commit_parent_id(commit.pointer, index).map { unsafe ObjectID(copying: $0) }
        }
        return unsafe CommitOutline(
            id: id, tree: ObjectID(copying: git_commit_tree_id(commit.pointer)), parents: parents,
            time: git_commit_time(commit.pointer))
    }
}

/// What was looked up lately: neighbouring commits ask for the same folders and files.
private struct ObjectCache {
    private var folders: [FolderPath: ObjectID?] = [:]
    private var blobs: [ObjectID: [String: ObjectID]] = [:]
    private var contents: [ObjectID: [UInt8]] = [:]

    private struct FolderPath: Hashable {
        var tree: ObjectID
        var path: String
    }

    private static let mostFolders = 20_000
    private static let mostListings = 500
    private static let mostContents = 64
    private static let longestContent = 4 << 20

    /// The tree of a folder below a root tree; nil where there is none.
    mutating func folder(
        _ path: String, of tree: ObjectID, in repository: borrowing Handle<RepositoryKind>
    ) throws(LibraryFailure) -> ObjectID? {
        guard !path.isEmpty else { return tree }
        let key = FolderPath(tree: tree, path: path)
        if let known = folders[key] { return known }
        if folders.count > Self.mostFolders { folders = [:] }
        let found: ObjectID? = try Self.lookUp(path, of: tree, in: repository)
        folders[key] = .some(found)
        return found
    }

    /// The file `name` of a folder; nil where there is none.
    mutating func blob(
        _ name: String, in folder: ObjectID?, _ repository: borrowing Handle<RepositoryKind>
    ) throws(LibraryFailure) -> ObjectID? {
        guard let folder else { return nil }
        if let known = blobs[folder] { return known[name] }
        if blobs.count > Self.mostListings { blobs = [:] }
        let listing: [String: ObjectID] = try Self.list(folder, in: repository)
        blobs[folder] = listing
        return listing[name]
    }

    mutating func bytes(
        of blob: ObjectID, in repository: borrowing Handle<RepositoryKind>
    ) throws(LibraryFailure) -> [UInt8] {
        if let known = contents[blob] { return known }
        if contents.count > Self.mostContents { contents = [:] }
        var oid: git_oid = blob.oid
        let found = try Handle<BlobKind> { unsafe git_blob_lookup($0, repository.pointer, &oid) }
        let bytes: [UInt8] = unsafe git_blob_rawsize(found.pointer) > Self.longestContent ? [] : found.bytes
        contents[blob] = bytes
        return bytes
    }

    private static func lookUp(
        _ path: String, of tree: ObjectID, in repository: borrowing Handle<RepositoryKind>
    ) throws(LibraryFailure) -> ObjectID? {
        var oid: git_oid = tree.oid
        let root = try Handle<TreeKind> { unsafe git_tree_lookup($0, repository.pointer, &oid) }
        do throws(LibraryFailure) {
            let entry = try Handle<TreeEntryKind> { unsafe git_tree_entry_bypath($0, root.pointer, path) }
            guard unsafe git_tree_entry_type(entry.pointer) == GIT_OBJECT_TREE else { return nil }
            return unsafe ObjectID(copying: git_tree_entry_id(entry.pointer))
        } catch {
            // A part of the path can be a file in one commit and a folder in another.
            guard error.code == .notFound else { throw error }
            return nil
        }
    }

    private static func list(
        _ folder: ObjectID, in repository: borrowing Handle<RepositoryKind>
    ) throws(LibraryFailure) -> [String: ObjectID] {
        var oid: git_oid = folder.oid
        let tree = try Handle<TreeKind> { unsafe git_tree_lookup($0, repository.pointer, &oid) }
        var listing: [String: ObjectID] = [:]
        for index in 0..<(unsafe git_tree_entrycount(tree.pointer)) {
            guard let entry = unsafe git_tree_entry_byindex(tree.pointer, index),
                let name = unsafe git_tree_entry_name(entry),
                unsafe git_tree_entry_type(entry) == GIT_OBJECT_BLOB
            else { continue }
            unsafe listing[String(cString: name)] = unsafe ObjectID(copying: git_tree_entry_id(entry))
        }
        return listing
    }
}

extension [UInt8] {
    /// The given lines (from 1) without empty lines and document marks (`---`) at their ends, and without the last
    /// line's end.
    fileprivate func passage(_ range: ClosedRange<Int>) -> [UInt8]? {
        var lines: ArraySlice<ArraySlice<UInt8>> = split(
            separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)[...]
        lines = lines.prefix(range.upperBound).dropFirst(range.lowerBound - 1)
        func isFrame(_ line: ArraySlice<UInt8>) -> Bool {
            let text: ArraySlice<UInt8> = line.drop { $0 <= 0x20 }
            return text.isEmpty || text.starts(with: "---".utf8) || text.starts(with: "...".utf8)
        }
        while let first = lines.first, isFrame(first) { lines.removeFirst() }
        while let last = lines.last, isFrame(last) { lines.removeLast() }
        guard let start = lines.first?.startIndex, let end = lines.last?.endIndex else { return nil }
        return Array(self[start..<end])
    }

    /// Whether these whole lines stand somewhere in the text, one after the other.
    fileprivate func holdsLines(_ lines: [UInt8]) -> Bool {
        let newline = UInt8(ascii: "\n")
        var rest: ArraySlice<UInt8> = self[...]
        while rest.count >= lines.count {
            if rest.starts(with: lines) {
                let after: ArraySlice<UInt8> = rest.dropFirst(lines.count)
                if after.isEmpty || after.first == newline { return true }
            }
            guard let end = rest.firstIndex(of: newline) else { return false }
            rest = rest[(end + 1)...]
        }
        return false
    }
}
