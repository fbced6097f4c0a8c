package import ArgumentParser
import Declarations
import Glibc
import Reconciliation
import Runtime

/// The root of the command line.
package struct SyncCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "gitops-sync",
        abstract: "Holds what runs to what git declares.",
        discussion: """
            Fetches a config repository, compares it with what the components really run, corrects what differs and \
            reports it.
            """,
        version: RuntimeVersion.current,
        subcommands: [
            RunCommand.self, OnceCommand.self, ValidateCommand.self, PlanCommand.self, DriftCommand.self,
            StatusCommand.self, ReportCommand.self, HistoryCommand.self, SchemaCommand.self, SyncNowCommand.self,
            AcceptCommand.self, EnforceCommand.self, PreviewsCommand.self, SuspendCommand.self, ResumeCommand.self,
            PinCommand.self, UnpinCommand.self, TolerateCommand.self,
        ])

    package init() {}
}

/// What every command takes.
struct CommonOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The bootstrap config.", valueName: "file"))
    var config: String = ProcessEnvironment.value("PLUMB_CONFIG") ?? BootstrapConfiguration.defaultPath

    @Option(help: "How to print: text for people, json for programs.")
    var output: OutputFormat = .text

    func bootstrap() throws -> BootstrapConfiguration {
        do { return try BootstrapConfiguration(path: config) } catch { throw CommandFailure(error.description) }
    }
}

enum OutputFormat: String, CaseIterable, ExpressibleByArgument {
    case text, json

    /// Prints one answer: its JSON form, or the text for people.
    func show(_ json: @autoclosure () -> JSONValue, text: (TextStyle) -> String) {
        switch self {
        case .json: StandardOutput.write(json().canonicalText + "\n")
        case .text: StandardOutput.write(text(.ofStandardOutput))
        }
    }
}

/// A command that cannot do what it was asked: the message goes to standard error, the exit status is 1.
struct CommandFailure: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}

enum StandardOutput {
    /// Writes all of `text` at once, so that a reader at the end of a pipe sees lines as they come.
    static func write(_ text: String) {
        var rest: ArraySlice<UInt8> = Array(text.utf8)[...]
        while !rest.isEmpty {
            let written: Int = rest.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if written < 0 {
                guard errno == EINTR || errno == EAGAIN else { return }
                continue
            }
            rest = rest.dropFirst(written)
        }
    }
}

extension TextStyle {
    /// Colours on a terminal, unless `NO_COLOR` is set or the terminal has none.
    static var ofStandardOutput: TextStyle {
        let hasColours: Bool =
            isatty(STDOUT_FILENO) == 1 && ProcessEnvironment.value("NO_COLOR") == nil
            && ProcessEnvironment.value("TERM") != "dumb"
        return TextStyle(isColoured: hasColours)
    }
}
