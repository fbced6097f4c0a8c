import ArgumentParser
import Declarations
import Reconciliation
import Runtime
import Synchronization
import Telemetry

struct SuspendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "suspend", abstract: "Write nothing until resume; drift is still looked for and reported.")

    @OptionGroup var common: CommonOptions

    @Option(help: "Why; shown in status and reports.")
    var reason: String?

    func run() async throws { try await common.order(.suspend(reason: reason)) }
}

struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Enforce again after suspend.")

    @OptionGroup var common: CommonOptions

    func run() async throws { try await common.order(.resume) }
}

struct PinCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pin", abstract: "Hold one commit, whatever the branch has, until unpin.",
        discussion: """
            The commit must be an ancestor of the one that is enforced, or lie between it and the head of the branch. \
            Drift is still corrected. The head of the branch is reported as waiting.
            """)

    @OptionGroup var common: CommonOptions

    @Argument(help: "The commit to hold.")
    var revision: String

    @Option(help: "Why; shown in status and reports.")
    var reason: String?

    @Option(
        help: ArgumentHelp(
            "What going to this commit may do although a guard would refuse it: \(allPermissions).",
            valueName: "permission"))
    var allow: [String] = []

    func run() async throws {
        var permissions: Set<Permission> = []
        for name in allow.flatMap({ $0.split(separator: ",") }) {
            guard let permission = Permission(rawValue: String(name)) else {
                throw ValidationError("--allow: expected one of \(allPermissions), got \"\(name)\"")
            }
            permissions.insert(permission)
        }
        try await common.order(.pin(revision: revision, permissions: permissions, reason: reason))
    }
}

private let allPermissions: String = Permission.allCases.map(\.rawValue).joined(separator: ", ")

struct UnpinCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unpin", abstract: "Follow the branch again after pin.")

    @OptionGroup var common: CommonOptions

    func run() async throws { try await common.order(.unpin) }
}

struct TolerateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tolerate", abstract: "Leave a manual change of one resource in place for a while.",
        discussion: """
            Drift of the resource is reported and not corrected until the time is up, at most 24 h. With --end it is \
            corrected again now.
            """)

    @OptionGroup var common: CommonOptions

    @Argument(help: ArgumentHelp("The resource.", valueName: "kind/name"))
    var resource: String

    @Option(name: .customLong("for"), help: ArgumentHelp("For how long, such as 2h.", valueName: "duration"))
    var span: String?

    @Option(help: "Why; shown in status and reports.")
    var reason: String?

    @Flag(help: "End the toleration now.")
    var end = false

    func validate() throws {
        if end {
            guard span == nil, reason == nil else { throw ValidationError("--end takes neither --for nor --reason") }
            return
        }
        guard let span else { throw ValidationError("--for is missing: for how long, such as --for 2h") }
        guard PromDuration(span) != nil else {
            throw ValidationError("--for: expected a duration such as 2h, got \"\(span)\"")
        }
        guard let reason, !reason.isEmpty else { throw ValidationError("--reason is missing: why the change stays") }
    }

    func run() async throws {
        guard !end else { return try await common.order(.endToleration(resource: resource)) }
        guard let span = span.flatMap({ PromDuration($0) }), let reason else { return }
        try await common.order(.tolerate(resource: resource, span: span, reason: reason))
    }
}

extension CommonOptions {
    /// Sends an order to the daemon and prints what holds from now on.
    func order(_ request: OrderRequest) async throws {
        let bootstrap = try self.bootstrap()
        let seen = Mutex<(orders: Enforcement?, error: String?)>((nil, nil))
        do {
            try await ControlClient(path: bootstrap.controlSocket).send(.order(request)) { answer in
                if case .ordered(let orders) = answer { seen.withLock { $0.orders = orders } }
                if case .failed(let message) = answer { seen.withLock { $0.error = message } }
            }
        } catch { throw CommandFailure(error.description) }
        let (orders, error) = seen.withLock { $0 }
        guard let orders else { throw CommandFailure(error ?? "the daemon did not answer") }
        output.show(["version": 1, "enforcement": orders.json]) { style in
            let lines: [String] = orders.lines(at: .now())
            return lines.isEmpty
                ? "enforcing the branch, nothing is held\n" : lines.map { style.yellow($0) + "\n" }.joined()
        }
    }
}
