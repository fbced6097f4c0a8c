import ArgumentParser
import Declarations
import GitStore
import Glibc
import Reconciliation
import Runtime
import SystemdUnits

struct ValidateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate", abstract: "Check manifests without any server.",
        discussion: """
            Reads every .yaml and .yml file below DIR as a commit would be read, and prints every problem as \
            path:line:column: message. Needs no bootstrap config; where there is one, its units.allow says which \
            units may be declared.
            """)

    @OptionGroup var common: CommonOptions

    @Argument(help: "The folder of the manifests.")
    var directory: String?

    @Option(help: .hidden) var gitDir: String?
    @Option(help: .hidden) var rev: String?
    @Option(help: .hidden) var path: String = ""

    func validate() throws {
        guard (gitDir == nil) == (rev == nil) else { throw ValidationError("--git-dir and --rev go together") }
        guard gitDir == nil || directory == nil else { throw ValidationError("give a folder or --git-dir, not both") }
    }

    func run() async throws {
        let content: LoadedCommit.Content
        let count: Int
        if let gitDir, let rev {
            (content, count) = try await pushedCommit(gitDir: gitDir, revision: rev)
        } else {
            let tree = ManifestFolder(directory ?? ".")
            let (files, problems) = try tree.read()
            content =
                decodeManifests(
                    revision: "", files: files, refused: problems, decoder: .standard, allowedUnits: try allowedUnits()
                ).0
            count = files.count
        }
        try show(content, fileCount: count)
    }

    /// Which units a commit may declare is said by the machine that has them. Elsewhere, and to who may not read it, the
    /// shipped ones.
    private func allowedUnits() throws -> UnitAllowList {
        access(common.config, R_OK) == 0 ? try common.bootstrap().units.allow : .standard
    }

    private func show(_ content: LoadedCommit.Content, fileCount: Int) throws {
        let problems: [Diagnostic]
        var resources = 0
        switch content {
        case .valid(let state):
            problems = []
            resources = state.resources.count
        case .invalid(let found): problems = found
        }
        let json: JSONValue = [
            "version": 1, "valid": .bool(problems.isEmpty), "files": .integer(fileCount),
            "resources": .integer(resources), "problems": problems.json,
        ]
        common.output.show(json) { style in
            guard !problems.isEmpty else {
                return style.green("valid")
                    + ": \(counted(resources, "resource")) in \(counted(fileCount, "file"))\n"
            }
            let lines: [String] = problems.map { style.red(printable($0.description)) + "\n" }
            return lines.joined() + "\(counted(problems.count, "problem"))\n"
        }
        if !problems.isEmpty { throw ExitCode(1) }
    }

    /// A commit of a repository on this machine, also one that is only being pushed: git keeps its objects apart until
    /// the hook has agreed and names the place in the environment. Exit status 2 says that it could not be read.
    private func pushedCommit(gitDir: String, revision: String) async throws -> (LoadedCommit.Content, Int) {
        guard let id = ObjectID(hex: revision) else { throw ValidationError("--rev: expected 40 hexadecimal digits") }
        do {
            let view = try RepositoryView(gitDir: gitDir, environment: ProcessEnvironment.value)
            defer { view.remove() }
            let git = GitStore(GitStore.Configuration(folder: view.folder))
            let loaded = try await CommitLoader(
                git: git, filter: TreeFilter(root: path), decoder: .standard, allowedUnits: try allowedUnits()
            ).load(id)
            return (loaded.content, loaded.fileCount)
        } catch {
            StandardError.write("cannot check the commit: \(error)\n")
            throw ExitCode(2)
        }
    }
}
