import ArgumentParser
import ConfigAPIClient
import GitStore
import Logging
import Reconciliation
import Runtime

struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Show what a run would change, field by field.",
        discussion: "Exit status: 0 nothing; 2 changes; 4 refused by a guard; 1 failed.")

    @OptionGroup var common: CommonOptions

    @Option(
        help: ArgumentHelp(
            "The commit or another branch to plan; the newest of the branch unless given.", valueName: "rev"))
    var rev: String?

    @Option(help: ArgumentHelp("Show the plan that the daemon made of a branch.", valueName: "branch"))
    var preview: String?

    /// How the daemon plans a stranger's branch: exactly that branch, under limits, in a repository apart.
    @Option(help: .hidden) var branch: String?

    func validate() throws {
        guard [rev, preview, branch].count(where: { $0 != nil }) <= 1 else {
            throw ValidationError("--rev and --preview exclude each other")
        }
    }

    func run() async throws {
        if let preview { return try showPreview(of: preview) }
        if branch != nil { PlanLimits.apply() }
        let subject: PlanSubject = branch.map { .branch($0) } ?? rev.map { .revision($0) } ?? .newest
        let made = try await common.withPreviewer(store: branch == nil ? "commands" : "previews") { reconciler in
            try await reconciler.preview(subject)
        }
        try show(made.report, isUnknown: made.isUnknown)
    }

    private func showPreview(of branch: String) throws {
        let bootstrap = try common.bootstrap()
        let set: PreviewSet
        do { set = try bootstrap.directory.readPreviews() } catch { throw CommandFailure(error.description) }
        guard let found = set.previews.first(where: { $0.branch == branch }) else {
            let known: String = set.previews.map(\.branch).joined(separator: ", ")
            throw CommandFailure(
                "the daemon has planned no branch \"\(branch)\": \(known.isEmpty ? "there is none" : "there is \(known)")"
            )
        }
        guard let report = found.report else { throw CommandFailure(found.error ?? "there is no plan") }
        try show(report, isUnknown: found.verdict == .unknown)
    }

    private func show(_ report: RunReport, isUnknown: Bool) throws {
        common.output.show(report.json) { report.planText($0) }
        if !report.problems.isEmpty || isUnknown { throw ExitCode(1) }
        if !report.refusals.isEmpty { throw ExitCode(4) }
        throw ExitCode(report.changes.contains { $0.result == .planned && $0.action != .record } ? 2 : 0)
    }
}

struct DriftCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drift", abstract: "Compare what runs now with what was last accepted from git.",
        discussion: "Exit status: 0 none; 2 drift; 5 only unknown; 1 failed.")

    @OptionGroup var common: CommonOptions

    func run() async throws {
        let preview = try await common.withPreviewer { reconciler in try await reconciler.drift() }
        let report: RunReport = preview.report
        common.output.show(report.json) { report.text($0) }
        if !report.problems.isEmpty { throw ExitCode(1) }
        if report.changes.contains(where: { $0.result != .ignored && $0.action != .record }) { throw ExitCode(2) }
        throw ExitCode(preview.isUnknown ? 5 : 0)
    }
}

extension CommonOptions {
    /// A reconciler that only looks: it has a repository of its own, apart from the daemon's, and writes no state.
    func withPreviewer<Result: Sendable>(
        store: String = "commands", _ body: (Reconciler) async throws -> Result
    ) async throws -> Result {
        let bootstrap = try self.bootstrap()
        var setup = LogSetup(service: "gitops-sync")
        setup.level = .critical
        let clients = bootstrap.clients
        do {
            let reconciler = try Reconciler(
                bootstrap,
                bootstrap.dependencies(
                    git: bootstrap.gitStore(named: store), clients: clients, logger: setup.logger()))
            let result: Result = try await body(reconciler)
            await clients.shutdown()
            return result
        } catch {
            await clients.shutdown()
            throw CommandFailure("\(error)")
        }
    }
}
