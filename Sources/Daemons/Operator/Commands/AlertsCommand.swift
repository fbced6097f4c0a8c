package import ArgumentParser
import Declarations
import PlatformClient

package struct AlertsCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "alerts", abstract: "List the alerts that are pending or firing.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    package init() {}

    package func run() async throws {
        let answer: JSONValue = try await connection.client(token: "query").json(.get, "/api/v1/alerts")
        switch output.form {
        case .json: StandardOutput.json(answer)
        case .text: StandardOutput.line(Self.text(answer))
        }
    }

    /// Reads the form of Prometheus' `/api/v1/alerts`.
    static func text(_ answer: JSONValue) -> String {
        let alerts: [JSONValue] = answer["data"]?["alerts"]?.array ?? []
        guard !alerts.isEmpty else { return "no alerts" }
        var table = TextTable(header: ["ALERT", "STATE", "SINCE", "VALUE", "LABELS"])
        for alert in alerts {
            var labels: [String: JSONValue] = alert["labels"]?.object ?? [:]
            let name: String = labels.removeValue(forKey: "alertname")?.string ?? "?"
            let value: String = alert["value"]?.string ?? alert["value"]?.canonicalText ?? "-"
            table.add([
                name, alert["state"]?.string ?? "?", alert["activeAt"]?.string ?? "-", value, labelText(labels),
            ])
        }
        return table.text
    }
}

/// `{cpu="0", mode="idle"}`.
func labelText(_ labels: [String: JSONValue]) -> String {
    let pairs: [String] = labels.sorted { $0.key < $1.key }.map { "\($0.key)=\"\($0.value.string ?? "")\"" }
    return "{" + pairs.joined(separator: ", ") + "}"
}
