import ArgumentParser
import Declarations
import GitStore
import Reconciliation
import Runtime
import Telemetry

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show what is enforced, whether the daemon runs, and how the last run ended.")

    @OptionGroup var common: CommonOptions

    func run() async throws {
        let bootstrap = try common.bootstrap()
        var members: [String: JSONValue]
        do {
            members = try bootstrap.directory.readStatus()?.object ?? [:]
            let state = try bootstrap.directory.readState()
            members["acceptedCommit"] = state.acceptedCommit.map(JSONValue.string) ?? .null
            members["openDrift"] = .integer(state.ledger.open.count)
            members["enforcement"] = try bootstrap.directory.readEnforcement()?.present(at: .now())?.json
            members["owned"] = .integer(state.inventory.entries.count)
        } catch { throw CommandFailure(error.description) }
        let process: Int? = LockFile.holderProcess(bootstrap.directory.file("lock"))
        let newest = try? ReportLog.newest(1, in: bootstrap.directory).first
        members["targets"] = newest?.targets.json
        members["version"] = 1
        members["daemon"] = .object(compacting: [
            "running": .bool(process != nil), "pid": process.map { .integer($0) },
        ])
        members["pid"] = nil
        common.output.show(.object(members)) { style in
            statusText(members, process: process, newest: newest, bootstrap: bootstrap, style)
        }
    }

    private func statusText(
        _ members: [String: JSONValue], process: Int?, newest: RunReport?, bootstrap: BootstrapConfiguration,
        _ style: TextStyle
    ) -> String {
        var lines: [String] = []
        lines.append("daemon      " + (process.map { style.green("running") + " (process \($0))" } ?? "not running"))
        lines.append(
            "repository  \(members["repository"]?.string ?? bootstrap.displayedURL) \(bootstrap.repository.branch)")
        lines.append("mode        \(members["mode"]?.string ?? bootstrap.mode.rawValue)")
        if members["firstMeeting"]?["state"] == "observing" {
            lines.append(style.yellow("            this store was met for the first time; gitops-sync enforce begins"))
        }
        lines.append("accepted    \(members["acceptedCommit"]?.string ?? "nothing yet")")
        if let head = members["head"]?.string, head != members["acceptedCommit"]?.string {
            lines.append("head        \(head)")
        }
        if let orders = members["enforcement"].flatMap({ try? Enforcement(json: $0) }) {
            lines += orders.lines(at: .now()).map { style.yellow("ordered     \($0)") }
        }
        for contest in members["contested"]?.array ?? [] {
            guard let contest = try? Contest(json: contest) else { continue }
            lines.append(style.red("contested   \(contest.text(ours: "gitops-sync"))"))
        }
        if let open = members["openDrift"]?.integer, open > 0 {
            lines.append(style.yellow("drift       \(counted(open, "difference")) left in place"))
        }
        if let error = members["lastFetch"]?["error"]?.string {
            lines.append(style.red("fetch       \(printable(error))"))
        }
        if let newest {
            lines.append("last run    \(newest.outcome.text(style)) at \(newest.lastFinishedAt.rfc3339) (\(newest.id))")
            lines += newest.targets.flatMap { $0.line(style).split(separator: "\n").map { "            \($0)" } }
        }
        return lines.map { $0 + "\n" }.joined()
    }
}

struct ReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "Show one drift report: the last that is not in sync, or that of an id.")

    @OptionGroup var common: CommonOptions

    @Argument(help: "The report's id or the start of it.")
    var id: String?

    func run() async throws {
        let bootstrap = try common.bootstrap()
        let report: RunReport?
        do { report = try ReportLog.find(id, in: bootstrap.directory) } catch {
            throw CommandFailure(error.description)
        }
        guard let report else {
            throw CommandFailure(id.map { "there is no report \($0)" } ?? "every run that is kept was in sync")
        }
        common.output.show(report.json) { report.text($0) }
    }
}

struct HistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "List the last runs, or with --drift the last drifts.",
        discussion: """
            With --drift: what was changed outside git, by whom, how long it took to see it, and how long to heal it.
            """)

    @OptionGroup var common: CommonOptions

    @Option(help: "How many records to list.")
    var limit: Int = 20

    @Flag(help: "List drifts instead of runs.")
    var drift = false

    func validate() throws {
        guard (1...10_000).contains(limit) else { throw ValidationError("--limit: expected 1 to 10000") }
    }

    func run() async throws {
        let bootstrap = try common.bootstrap()
        if drift { return try showDrift(bootstrap) }
        let reports: [RunReport]
        do { reports = try ReportLog.newest(limit, in: bootstrap.directory) } catch {
            throw CommandFailure(error.description)
        }
        common.output.show(["version": 1, "reports": .array(reports.map(\.json))]) { style in
            reports.map { $0.summary(style) + "\n" }.joined()
        }
    }

    private func showDrift(_ bootstrap: BootstrapConfiguration) throws {
        let entries: [DriftEntry]
        do { entries = try ReportLog.newestDrift(limit, in: bootstrap.directory) } catch {
            throw CommandFailure(error.description)
        }
        common.output.show(["version": 1, "drift": entries.json]) { style in
            entries.map { $0.line(style) + "\n" }.joined()
        }
    }
}

struct SchemaCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema", abstract: "Print the JSON Schema of manifests, for editors.")

    @OptionGroup var common: CommonOptions

    @Argument(help: "The kind whose spec to print; a whole document of any kind unless given.")
    var kind: String?

    func run() async throws {
        let schema: JSONValue = manifestJSONSchema()
        guard let kind else {
            StandardOutput.write(schema.canonicalText + "\n")
            return
        }
        guard let definition = schema["$defs"]?[kind] else {
            let known: String = ResourceKind.allCases.map(\.rawValue).sorted().joined(separator: ", ")
            throw ValidationError("unknown kind \"\(kind)\"; there are \(known)")
        }
        StandardOutput.write(definition.canonicalText + "\n")
    }
}
