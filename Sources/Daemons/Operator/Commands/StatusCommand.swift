package import ArgumentParser
import Declarations
import PlatformClient
import Runtime
import Telemetry

package struct StatusCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Say what runs here, and whether it is well.",
        discussion: "Exit status 0 when everything runs and answers, 1 when not.")

    @OptionGroup var local: LocalOptions
    @OptionGroup var output: OutputOptions

    package init() {}

    package func run() async throws {
        let directory: DataDirectory = try local.dataDirectory()
        guard DirectoryLock.isHeld(directory.lock), let record = RunRecord.read(from: directory) else {
            switch output.form {
            case .text: StandardOutput.line("nothing runs in \(directory.path)")
            case .json:
                StandardOutput.json(["version": 1, "running": false, "dataDirectory": .string(directory.path)])
            }
            throw ExitCode(ExitStatus.failure)
        }
        let client = ServerClient(baseURL: record.serverURL, token: nil, timeoutSeconds: 3)
        let health: String
        var found: String?
        do {
            let answer: ServerClient.Answer = try await client.send(.get, "/readyz")
            health = Self.health(answer)
            found = answer.json?["details"]?["database"]?.string
        } catch { health = "\(error)" }
        let isWell: Bool =
            record.isReady && health == "ready" && !record.children.isEmpty
            && record.children.allSatisfy { $0.processID != nil }
        switch output.form {
        case .text: StandardOutput.line(Self.text(record, directory: directory, health: health, database: found))
        case .json:
            StandardOutput.json(
                Self.json(record, directory: directory, health: health, isWell: isWell, database: found))
        }
        if !isWell { throw ExitCode(ExitStatus.failure) }
    }

    /// What `/readyz` says, in words: what is not as it should be, where something is not.
    private static func health(_ answer: ServerClient.Answer) -> String {
        guard answer.isSuccess else { return "not ready (\(answer.status)): \(answer.text.trimmed)" }
        let checks: [String: JSONValue] = answer.json?["checks"]?.object ?? [:]
        let warnings: [String] = checks.filter { $0.value != "ok" }.map { "\($0.key): \($0.value.string ?? "")" }
        return warnings.isEmpty ? "ready" : warnings.sorted().joined(separator: "; ")
    }

    static func text(
        _ record: RunRecord, directory: DataDirectory, health: String, database: String? = nil
    ) -> String {
        var lines = [
            "Plumbline in \(directory.path), process \(record.processID), since \(record.startedAt.rfc3339)",
            "Server     \(record.serverURL): \(health)", "Config     \(record.configRepository)",
            "Sockets    \(record.runtimeDirectory)", "",
        ]
        if let database { lines.insert("Database   \(database)", at: 2) }
        var table = TextTable(header: ["PROGRAM", "PID", "SINCE", "RESTARTS", "LAST END"])
        for child in record.children {
            table.add([
                child.name, child.processID.map { "\($0)" } ?? "waiting", child.startedAt?.rfc3339 ?? "-",
                "\(child.restarts)", child.lastEnd ?? "-",
            ])
        }
        lines.append(table.text)
        return lines.joined(separator: "\n")
    }

    static func json(
        _ record: RunRecord, directory: DataDirectory, health: String, isWell: Bool, database: String? = nil
    ) -> JSONValue {
        var members: [String: JSONValue] = record.json.object ?? [:]
        members["running"] = true
        members["dataDirectory"] = .string(directory.path)
        members["health"] = .string(health)
        members["isWell"] = .bool(isWell)
        members["database"] = database.map(JSONValue.string)
        return .object(members)
    }
}
