package import Declarations
package import GitStore
import Manifests
package import Reconciliation
package import SystemdUnits

/// What a commit declares: everything, or every problem.
package struct LoadedCommit: Sendable {
    package var id: ObjectID
    package var info: CommitInfo
    package var content: Content
    package var fileCount: Int
    /// The lines of each resource's document, for finding the commit that last changed it.
    package var lines: [ResourceKey: ClosedRange<Int>]

    package enum Content: Sendable {
        case valid(DeclaredState)
        case invalid([Diagnostic])
    }

    package var declared: DeclaredState? { if case .valid(let state) = content { state } else { nil } }
    package var problems: [Diagnostic] { if case .invalid(let problems) = content { problems } else { [] } }
}

/// Reads commits and decodes them. What was read is remembered: a commit never changes, and of a new one only the files
/// that changed are read.
package actor CommitLoader {
    private let git: GitStore
    private let filter: TreeFilter
    private let decoder: ResourceDecoder
    private let allowedUnits: UnitAllowList
    private var commits: [ObjectID: LoadedCommit] = [:]
    private var order: [ObjectID] = []
    private var files: [FileKey: ManifestFile] = [:]

    private struct FileKey: Hashable {
        var blob: ObjectID
        var path: String
    }

    /// The last accepted and the newest commit, and one more on each side of a change.
    private static let rememberedCommits = 4

    package init(
        git: GitStore, filter: TreeFilter, decoder: ResourceDecoder, allowedUnits: UnitAllowList = .standard
    ) {
        self.git = git
        self.filter = filter
        self.decoder = decoder
        self.allowedUnits = allowedUnits
    }

    package func load(_ id: ObjectID) async throws(GitError) -> LoadedCommit {
        if let known = commits[id] { return known }
        let listing = try await git.tree(of: id, filter, known: Set(files.keys.map(\.blob)))
        let info = CommitInfo(try await git.commit(id))
        let loaded: LoadedCommit = try await decode(listing, of: id, info)
        commits[id] = loaded
        order.append(id)
        if order.count > Self.rememberedCommits { commits[order.removeFirst()] = nil }
        return loaded
    }

    private func decode(
        _ listing: TreeListing, of id: ObjectID, _ info: CommitInfo
    ) async throws(GitError) -> LoadedCommit {
        var parsed: [FileKey: ManifestFile] = [:]
        var missing: Set<ObjectID> = []
        for file in listing.files {
            let key = FileKey(blob: file.blob, path: file.path)
            if let known = files[key] {
                parsed[key] = known
            } else if let bytes = file.bytes {
                parsed[key] = ManifestFile(path: file.path, bytes: bytes, decoder: decoder)
            } else {
                missing.insert(file.blob)
            }
        }
        if !missing.isEmpty {
            // A known blob under a new path: its bytes were not sent, and places name paths.
            let all = try await git.tree(of: id, filter, known: Set(files.keys.map(\.blob)).subtracting(missing))
            for file in all.files where missing.contains(file.blob) {
                guard let bytes = file.bytes else { continue }
                parsed[FileKey(blob: file.blob, path: file.path)] = ManifestFile(
                    path: file.path, bytes: bytes, decoder: decoder)
            }
        }
        files = parsed
        return LoadedCommit(
            id: id, info: info, files: Array(parsed.values), refusals: listing.refusals, decoder: decoder,
            allowedUnits: allowedUnits)
    }
}

/// One manifest file, read by itself: a commit that leaves it as it is leaves this as it is.
struct ManifestFile: Sendable {
    var path: String
    var documents: [ReadDocument]
    var problems: [Diagnostic]
    var lineCount: Int

    init(path: String, bytes: [UInt8], decoder: ResourceDecoder) {
        self.path = path
        let (composed, problems) = composeManifest(file: path, bytes: bytes)
        // A copy without the room to grow.
        documents = Array(composed.compactMap(decoder.read)[...])
        self.problems = problems
        lineCount = bytes.count { $0 == UInt8(ascii: "\n") } + (bytes.last == UInt8(ascii: "\n") ? 0 : 1)
    }
}

extension LoadedCommit {
    init(
        id: ObjectID, info: CommitInfo, files: [ManifestFile], refusals: [TreeListing.Refusal],
        decoder: ResourceDecoder, allowedUnits: UnitAllowList
    ) {
        self.id = id
        self.info = info
        fileCount = files.count
        lines = [:]
        let (content, resources) = decodeManifests(
            revision: id.hex, files: files, refused: refusals.map { ($0.path, $0.message) }, decoder: decoder,
            allowedUnits: allowedUnits)
        self.content = content
        let byFile = Dictionary(grouping: resources, by: \.file)
        let lineCounts = Dictionary(files.map { ($0.path, $0.lineCount) }) { first, _ in first }
        for (file, resources) in byFile {
            let sorted = resources.sorted { $0.mark.line < $1.mark.line }
            for (index, resource) in sorted.enumerated() {
                let next: Int = index + 1 < sorted.count ? sorted[index + 1].mark.line - 1 : lineCounts[file] ?? 0
                lines[resource.key] = resource.mark.line...max(resource.mark.line, next)
            }
        }
    }
}

/// Decodes parsed files as one commit: all of it, or everything that is wrong.
func decodeManifests(
    revision: String, files: [ManifestFile], refused: [(path: String, message: String)], decoder: ResourceDecoder,
    allowedUnits: UnitAllowList
) -> (LoadedCommit.Content, [Declaration]) {
    let place = Mark(line: 1, column: 1)
    let problems: [Diagnostic] =
        files.flatMap(\.problems) + refused.map { Diagnostic(file: $0.path, mark: place, message: $0.message) }
    switch decoder.declare(files.flatMap(\.documents), problems: problems) {
    case .failure(let diagnostics): return (.invalid(diagnostics.items), [])
    case .success(let desired):
        let resources: [Declaration] = Array(desired.resources.values)
        let refusedUnits: [Diagnostic] = allowedUnits.problems(with: resources)
        guard refusedUnits.isEmpty else { return (.invalid(refusedUnits), []) }
        return (.valid(DeclaredState(revision: revision, resources: resources)), resources)
    }
}
