import CLibgit2
import Glibc

extension RepositoryReader {
    func tree(
        of commit: ObjectID, _ filter: TreeFilter, known: Set<ObjectID>, limits: GitLimits
    ) throws(GitError) -> TreeListing {
        let root: Handle<TreeKind> = try folder(filter.root, of: commit)
        var reading = TreeReading(filter: filter, known: known, limits: limits)
        try addIgnoreRules(from: root, filter)
        try inStore { () throws(LibraryFailure) in try reading.walk(root, path: "", depth: 0, in: repository) }
        reading.listing.files.sort { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
        return reading.listing
    }

    /// A folder of a commit. That it is not there is an error, never an empty listing.
    func folder(_ path: String, of commit: ObjectID) throws(GitError) -> Handle<TreeKind> {
        let found: Handle<CommitKind> = try lookUp(commit)
        let root: Handle<TreeKind> = try inStore { () throws(LibraryFailure) in
            try Handle { unsafe git_commit_tree($0, found.pointer) }
        }
        guard !path.isEmpty else { return root }
        let missing = GitError(
            .pathNotFound, operation: operation, message: "commit \(commit.short) has no folder \"\(path)\"")
        let entry: Handle<TreeEntryKind> = try calling { () throws(LibraryFailure) in
            try Handle { unsafe git_tree_entry_bypath($0, root.pointer, path) }
        } failing: { failure in
            failure.code == .notFound ? missing : failure.inStore(operation)
        }
        guard unsafe git_tree_entry_type(entry.pointer) == GIT_OBJECT_TREE else { throw missing }
        return try inStore { () throws(LibraryFailure) in
            try Handle { unsafe git_tree_lookup($0, repository.pointer, git_tree_entry_id(entry.pointer)) }
        }
    }

    private func addIgnoreRules(from root: borrowing Handle<TreeKind>, _ filter: TreeFilter) throws(GitError) {
        guard let entry = unsafe git_tree_entry_byname(root.pointer, filter.ignoreFile),
            unsafe git_tree_entry_type(entry) == GIT_OBJECT_BLOB,
            unsafe git_tree_entry_filemode(entry) != GIT_FILEMODE_LINK
        else { return }
        try inStore { () throws(LibraryFailure) in
            let blob = try Handle<BlobKind> {
                unsafe git_blob_lookup($0, repository.pointer, git_tree_entry_id(entry))
            }
            let rules = String(decoding: blob.bytes.prefix(1 << 20), as: UTF8.self)
            try git(unsafe git_ignore_add_rule(repository.pointer, rules))
        }
    }
}

extension Handle<BlobKind> {
    /// A copy of the blob's bytes.
    var bytes: [UInt8] {
        let size = unsafe Int(git_blob_rawsize(pointer))
        return unsafe Array(UnsafeRawBufferPointer(start: git_blob_rawcontent(pointer), count: size))
    }
}

/// One walk through a tree: takes what the filter wants, refuses what must not be read, passes over the rest.
private struct TreeReading: ~Copyable {
    let filter: TreeFilter
    let known: Set<ObjectID>
    let limits: GitLimits
    var listing = TreeListing(files: [], refusals: [])
    private var entries = 0
    private var totalBytes = 0
    private var isFull = false

    init(filter: TreeFilter, known: Set<ObjectID>, limits: GitLimits) {
        self.filter = filter
        self.known = known
        self.limits = limits
    }

    mutating func walk(
        _ tree: borrowing Handle<TreeKind>, path: String, depth: Int, in repository: borrowing Handle<RepositoryKind>
    ) throws(LibraryFailure) {
        guard depth <= limits.treeDepth else {
            return refuse(path, .tooDeep, "folders are nested deeper than \(limits.treeDepth)")
        }
        for index in 0..<(unsafe git_tree_entrycount(tree.pointer)) {
            guard !isFull, let entry = unsafe git_tree_entry_byindex(tree.pointer, index) else { return }
            entries += 1
            guard entries <= limits.treeEntries else {
                isFull = true
                return refuse(path, .tooManyFiles, "the tree has more than \(limits.treeEntries) entries")
            }
            try visit(unsafe TreeEntry(copying: entry), in: path, depth: depth, repository)
        }
    }

    private mutating func visit(
        _ entry: TreeEntry, in folder: String, depth: Int, _ repository: borrowing Handle<RepositoryKind>
    ) throws(LibraryFailure) {
        let name = String(decoding: entry.name, as: UTF8.self)
        let path: String = folder.isEmpty ? name : "\(folder)/\(name)"
        if path == filter.ignoreFile, entry.kind == .symlink {
            return refuse(path, .symlink, "symbolic links are not followed; put the rules themselves there")
        }
        // Names that begin with a dot belong to other tools (.github).
        guard entry.name.first != UInt8(ascii: ".") || entry.isSpecial else { return }
        guard !filter.excluded.contains(path) else { return }
        switch entry.kind {
        case .folder:
            guard entry.isSafeName else { return refuse(path, .name, Self.unsafeName) }
            let tree = try Handle<TreeKind> {
                var oid: git_oid = entry.id.oid
                return unsafe git_tree_lookup($0, repository.pointer, &oid)
            }
            try walk(tree, path: path, depth: depth + 1, in: repository)
        case .file:
            guard filter.suffixes.contains(where: name.hasSuffix) else { return }
            guard try !isIgnored(path, repository) else {
                listing.ignoredCount += 1
                return
            }
            guard entry.isSafeName else { return refuse(path, .name, Self.unsafeName) }
            try take(entry, path, repository)
        case .symlink:
            // Also where its name is not wanted: it may lead to a folder of wanted files, whose absence would read as
            // their deletion.
            guard try !isIgnored(path, repository) else { return }
            refuse(
                path, .symlink,
                "symbolic links are not followed; put the file itself there, or name it in \(filter.ignoreFile)")
        case .submodule:
            guard try !isIgnored(path, repository) else { return }
            refuse(
                path, .submodule,
                "submodules are not read; put the files themselves there, or name it in \(filter.ignoreFile)")
        }
    }

    private mutating func take(
        _ entry: TreeEntry, _ path: String, _ repository: borrowing Handle<RepositoryKind>
    ) throws(LibraryFailure) {
        guard listing.files.count < limits.files else {
            isFull = true
            return refuse(path, .tooManyFiles, "there are more than \(limits.files) files to read")
        }
        let size: Int = try Self.size(of: entry.id, repository)
        guard size <= limits.fileBytes else {
            return refuse(path, .fileTooLarge, "the file has \(size) bytes; up to \(limits.fileBytes) are read")
        }
        totalBytes += size
        guard totalBytes <= limits.totalBytes else {
            isFull = true
            return refuse(path, .treeTooLarge, "with this file it is more than \(limits.totalBytes) bytes in all")
        }
        var bytes: [UInt8]?
        if !known.contains(entry.id) {
            var oid: git_oid = entry.id.oid
            bytes = try Handle<BlobKind> { unsafe git_blob_lookup($0, repository.pointer, &oid) }.bytes
        }
        listing.files.append(TreeListing.File(path: path, blob: entry.id, size: size, bytes: bytes))
    }

    /// The size without reading the bytes: a file that is too large is never unpacked.
    private static func size(
        of id: ObjectID, _ repository: borrowing Handle<RepositoryKind>
    ) throws(LibraryFailure) -> Int {
        let database = try Handle<DatabaseKind> { unsafe git_repository_odb($0, repository.pointer) }
        var oid: git_oid = id.oid
        var size = 0
        var type: git_object_t = GIT_OBJECT_ANY
        try git(unsafe git_odb_read_header(&size, &type, database.pointer, &oid))
        return size
    }

    private func isIgnored(
        _ path: String, _ repository: borrowing Handle<RepositoryKind>
    ) throws(LibraryFailure) -> Bool {
        var ignored: Int32 = 0
        try git(unsafe git_ignore_path_is_ignored(&ignored, repository.pointer, path))
        return ignored != 0
    }

    private mutating func refuse(_ path: String, _ reason: TreeListing.Refusal.Reason, _ message: String) {
        guard listing.refusals.count < Self.mostRefusals else { return }
        listing.refusals.append(TreeListing.Refusal(path: path, reason: reason, message: message))
    }

    private static let unsafeName = "the name is not UTF-8, or holds control characters, a backslash or only dots"
    private static let mostRefusals = 1000
}

/// One entry of a tree.
private struct TreeEntry {
    enum Kind { case file, folder, symlink, submodule }

    var name: [UInt8]
    var kind: Kind
    var id: ObjectID

    @unsafe init(copying entry: OpaquePointer) {
        let text: UnsafePointer<CChar>? = unsafe git_tree_entry_name(entry)
        name = unsafe text.map { unsafe Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) } ?? []
        kind =
            switch unsafe git_tree_entry_filemode(entry) {
            case GIT_FILEMODE_TREE: .folder
            case GIT_FILEMODE_LINK: .symlink
            case GIT_FILEMODE_COMMIT: .submodule
            default: .file
            }
        id = unsafe ObjectID(copying: git_tree_entry_id(entry))
    }

    /// `.` and `..`, which no honest tree holds.
    var isSpecial: Bool { name == Array(".".utf8) || name == Array("..".utf8) }

    /// Whether the name can be shown and written down as it is.
    var isSafeName: Bool {
        guard !name.isEmpty, !isSpecial, let text = String(validating: name, as: UTF8.self) else { return false }
        return text.unicodeScalars.allSatisfy { scalar in
            let isBidirectionalControl: Bool =
                (0x202a...0x202e).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
            return scalar.properties.generalCategory != .control && scalar != "\\" && scalar != "/"
                && !isBidirectionalControl
        }
    }
}
