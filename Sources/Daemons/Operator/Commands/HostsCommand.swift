package import ArgumentParser
import Declarations
import PlatformClient

package struct HostsCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "hosts", abstract: "List the hosts: up, stale, down, when last seen.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    package init() {}

    package func run() async throws {
        let answer: JSONValue = try await connection.client(token: "query").json(.get, "/api/v1/hosts")
        switch output.form {
        case .json: StandardOutput.json(answer)
        case .text: StandardOutput.line(Self.text(answer))
        }
    }

    static func text(_ answer: JSONValue) -> String {
        let hosts: [JSONValue] = answer["hosts"]?.array ?? []
        guard !hosts.isEmpty else { return "no hosts yet" }
        var table = TextTable(header: ["HOST", "STATUS", "LAST SEEN", "CONFIG", "DELIVERY", "GROUPS"])
        for host in hosts {
            table.add([
                host["host"]?.string ?? "?", host["status"]?.string ?? "?", host["lastSeen"]?.string ?? "-",
                config(host["agent"]), delivery(host),
                (host["groups"]?.array ?? []).compactMap(\.string).joined(separator: ", "),
            ])
        }
        return table.text
    }

    /// Whether everything that the agent collected is accounted for, and that twins report under one name.
    private static func delivery(_ host: JSONValue) -> String {
        if let twins = host["clones"]?.array, !twins.isEmpty { return "\(twins.count) agents at once" }
        guard let delivery = host["delivery"] else { return "-" }
        var parts: [String] = []
        for (items, word) in [("samples", "samples"), ("lines", "lines")] {
            if let count = delivery[items]?["missing"]?.integer, count > 0 { parts.append("\(count) \(word) missing") }
            let dropped: [(reason: String, count: Int)] = (delivery[items]?["dropped"]?.object ?? [:])
                .map { ($0.key, $0.value.integer ?? 0) }.filter { $0.1 > 0 }.sorted { $0.0 < $1.0 }
            if !dropped.isEmpty {
                let count: Int = dropped.reduce(0) { $0 + $1.count }
                parts.append("\(count) \(word) dropped (\(dropped.map(\.reason).joined(separator: ", ")))")
            }
            if let count = delivery[items]?["waiting"]?.integer, count > 0 { parts.append("\(count) \(word) wait") }
        }
        if delivery["spoolProblem"] != nil { parts.append("spool fails") }
        return parts.isEmpty ? "whole" : parts.joined(separator: ", ")
    }

    /// What the host's agent runs, and whether that is what it should.
    private static func config(_ agent: JSONValue?) -> String {
        guard let agent, let digest = agent["runningDigest"]?.string else { return "-" }
        let state: String =
            if agent["inSync"]?.bool == true { "in sync" } else {
                "behind since \(agent["behindSince"]?.string ?? "?")"
            }
        let commit: String =
            agent["applied"]?["id"]?.string.map { "commit \($0.prefix(10))" } ?? String(digest.prefix(8))
        return "\(state) (\(commit))"
    }
}
