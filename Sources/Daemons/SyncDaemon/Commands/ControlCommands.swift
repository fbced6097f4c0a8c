import ArgumentParser
import Declarations
import Reconciliation
import Synchronization

struct SyncNowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sync", abstract: "Ask the running daemon for a run now.",
        discussion: "With --wait, plan and result are printed as they come; exit status 1 if the run failed or refused."
    )

    @OptionGroup var common: CommonOptions

    @Flag(help: "Wait for the run and print its plan and result.")
    var wait = false

    func run() async throws {
        let bootstrap = try common.bootstrap()
        let seen = Mutex<(outcome: RunOutcome?, error: String?)>((nil, nil))
        do {
            try await ControlClient(path: bootstrap.controlSocket).send(.sync(waits: wait)) { answer in
                show(answer)
                if case .finished(let report) = answer { seen.withLock { $0.outcome = report.outcome } }
                if case .failed(let message) = answer { seen.withLock { $0.error = message } }
            }
        } catch { throw CommandFailure(error.description) }
        let (outcome, error) = seen.withLock { $0 }
        if let error { throw CommandFailure(error) }
        guard wait else { return }
        guard let outcome else { throw CommandFailure("the daemon ended before the run did") }
        if outcome == .failed || outcome == .refused { throw ExitCode(1) }
    }

    private func show(_ answer: ControlAnswer) {
        switch answer {
        case .accepted: if !wait { common.output.show(answer.json) { _ in "a run is under way\n" } }
        case .planned(let report): common.output.show(answer.json) { report.planText($0) }
        case .finished(let report): common.output.show(answer.json) { report.text($0) }
        case .status, .ordered, .failed, .end: break
        }
    }
}

struct AcceptCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "accept", abstract: "Take a branch whose history was rewritten.",
        discussion: """
            The branch must be at REV when the daemon looks next. The reason is logged.
            """)

    @OptionGroup var common: CommonOptions

    @Argument(help: "The commit that the branch is at now.")
    var revision: String

    @Option(help: "Why the history was rewritten.")
    var reason: String

    func run() async throws {
        let bootstrap = try common.bootstrap()
        let error = Mutex<String?>(nil)
        do {
            let request = ControlRequest.accept(revision: revision, reason: reason)
            try await ControlClient(path: bootstrap.controlSocket).send(request) { answer in
                if case .failed(let message) = answer { error.withLock { $0 = message } }
            }
        } catch { throw CommandFailure(error.description) }
        if let message = error.withLock({ $0 }) { throw CommandFailure(message) }
        common.output.show(["version": 1, "accepted": .string(revision)]) { _ in "taken; a run is under way\n" }
    }
}
