import ArgumentParser
import Declarations
import Reconciliation
import Runtime
import Telemetry

struct PreviewsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "previews", abstract: "List the branches that the daemon planned, with what came of each.",
        discussion: "\"plan --preview BRANCH\" shows one. The bootstrap config names the branches (previews).")

    @OptionGroup var common: CommonOptions

    func run() async throws {
        let bootstrap = try common.bootstrap()
        let set: PreviewSet
        do { set = try bootstrap.directory.readPreviews() } catch { throw CommandFailure(error.description) }
        common.output.show(set.json) { style in
            guard !set.previews.isEmpty else {
                return bootstrap.previews.isEmpty
                    ? "no branch is planned: the bootstrap config names none (previews)\n"
                    : "no branch was planned yet\n"
            }
            let lines: [String] = set.previews.map { $0.line(style) }
            let rest: [String] =
                set.leftOff.isEmpty
                ? [] : [style.yellow("\(counted(set.leftOff.count, "branch")) more match; not planned")]
            return (lines + rest).map { $0 + "\n" }.joined()
        }
    }
}

extension BranchPreview {
    fileprivate func line(_ style: TextStyle) -> String {
        let word: String =
            switch verdict {
            case .nothing: style.green("nothing to change")
            case .changes: style.yellow(counted(report?.changes.count ?? 0, "change"))
            case .refused: style.red("refused")
            case .invalid: style.red("invalid")
            case .unknown: style.yellow("unknown")
            case .failed: style.red("failed: \(printable(error ?? ""))")
            }
        return "\(plannedAt.rfc3339)  \(head.prefix(10))  \(printable(branch))  \(word)"
    }
}
