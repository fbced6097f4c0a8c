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
        do {
            let answer: ServerClient.Answer = try await client.send(.get, "/readyz")
            health = answer.isSuccess ? "ready" : "not ready (\(answer.status)): \(answer.text.trimmed)"
        } catch { health = "\(error)" }
        let isWell: Bool =
            record.isReady && health == "ready" && !record.children.isEmpty
            && record.children.allSatisfy { $0.processID != nil }
        switch output.form {
        case .text: StandardOutput.line(Self.text(record, directory: directory, health: health))
        case .json: StandardOutput.json(Self.json(record, directory: directory, health: health, isWell: isWell))
        }
        if !isWell { throw ExitCode(ExitStatus.failure) }
    }

    static func text(_ record: RunRecord, directory: DataDirectory, health: String) -> String {
        var lines = [
            "Plumbline in \(directory.path), process \(record.processID), since \(record.startedAt.rfc3339)",
            "Server     \(record.serverURL): \(health)", "Config     \(record.configRepository)",
            "Sockets    \(record.runtimeDirectory)", "",
        ]
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
        _ record: RunRecord, directory: DataDirectory, health: String, isWell: Bool
    ) -> JSONValue {
        var members: [String: JSONValue] = record.json.object ?? [:]
        members["running"] = true
        members["dataDirectory"] = .string(directory.path)
        members["health"] = .string(health)
        members["isWell"] = .bool(isWell)
        return .object(members)
    }
}
