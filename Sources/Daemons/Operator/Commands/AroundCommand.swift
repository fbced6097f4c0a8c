package import ArgumentParser
import Declarations
import PlatformClient
import Runtime
import Telemetry

package struct AroundCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "around", abstract: "Show everything that happened around a moment.",
        discussion: """
            Alerts, commits, drift and hosts in order of time, and the metrics that were otherwise than before, the \
            strongest first. TIME is "now", "10m ago" or RFC 3339.
            """)

    @Argument(help: ArgumentHelp("The moment: now, 10m ago, 2026-11-21T03:14:00Z.", valueName: "time"))
    var time: [String] = ["now"]

    @Option(help: ArgumentHelp("What belongs to this host alone.", valueName: "name"))
    var host: String?

    @Option(help: ArgumentHelp("How far before and after, 10s to 2h.", valueName: "duration"))
    var window: PromDuration = .minutes(15)

    @Option(help: ArgumentHelp("The most items of each kind.", valueName: "n"))
    var limit = 50

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    package init() {}

    package func validate() throws {
        guard (1...500).contains(limit) else { throw ValidationError("--limit is 1 to 500") }
        guard Self.moment(time.joined(separator: " "), now: .now()) != nil else {
            throw ValidationError(
                "\"\(time.joined(separator: " "))\" is no time; write now, 10m ago or 2026-11-21T03:14:00Z")
        }
    }

    package func run() async throws {
        guard let moment = Self.moment(time.joined(separator: " "), now: .now()) else { return }
        var query: [(String, String)] = [
            ("time", moment.rfc3339), ("window", window.description), ("limit", "\(limit)"),
        ]
        if let host { query.append(("host", host)) }
        let answer: JSONValue = try await connection.client(token: "query")
            .json(.get, "/api/v1/correlate", query: query)
        switch output.form {
        case .json: StandardOutput.json(answer)
        case .text: StandardOutput.line(Self.text(answer))
        }
    }

    /// `now`, `10m ago`, or RFC 3339; nil where it is none of them.
    static func moment(_ text: String, now: Timestamp) -> Timestamp? {
        if text == "now" { return now }
        if text.hasSuffix(" ago") { return PromDuration(text.dropLast(" ago".count)).map { now - $0 } }
        return Timestamp(rfc3339: text)
    }

    static func text(_ answer: JSONValue) -> String {
        let span: String = ["from", "to"].map { answer[$0]?.string ?? "?" }.joined(separator: " to ")
        let host: String = answer["host"]?.string.map { " on \($0)" } ?? ""
        return (["\(span)\(host)", ""] + timeline(answer) + [""] + moves(answer) + remarks(answer))
            .joined(separator: "\n")
    }

    private static func timeline(_ answer: JSONValue) -> [String] {
        let items: [JSONValue] = answer["timeline"]?.array ?? []
        guard !items.isEmpty else { return ["nothing happened"] }
        var table = TextTable(header: ["TIME", "WHAT", ""])
        for item in items {
            let time: Substring = item["at"]?.string?.prefix(19).dropFirst(11) ?? "?"
            table.add([String(time), item["kind"]?.string ?? "?", item["text"]?.string ?? ""])
        }
        return [table.text]
    }

    private static func moves(_ answer: JSONValue) -> [String] {
        let moves: [JSONValue] = answer["metrics"]?["moves"]?.array ?? []
        guard !moves.isEmpty else { return ["no metric moved"] }
        var table = TextTable(header: ["SCORE", "BEFORE", "AROUND", "METRIC"])
        for move in moves {
            let unit: String = move["rate"] == true ? "/s" : ""
            let values: [String] = ["before", "during"].map { key in
                move[key]?.number.map { short($0) + unit } ?? (key == "before" ? "new" : "gone")
            }
            let labels: [String: JSONValue] = move["labels"]?.object ?? [:]
            table.add([
                move["score"]?.canonicalText ?? "?", values[0], values[1],
                (move["metric"]?.string ?? "") + (labels.isEmpty ? "" : labelText(labels)),
            ])
        }
        return [table.text]
    }

    /// What is missing from the answer, said.
    private static func remarks(_ answer: JSONValue) -> [String] {
        var lines: [String] = []
        for (name, source) in (answer["sources"]?.object ?? [:]).sorted(by: { $0.key < $1.key }) {
            if let error = source["error"]?.string { lines.append("\(name): could not be asked: \(error)") }
            if source["truncated"] == true {
                lines.append("\(name): there were more; raise --limit or shorten --window")
            }
        }
        let metrics: JSONValue? = answer["metrics"]
        for source in metrics?["sources"]?.array ?? [] {
            let (count, producer) = (source["series"]?.integer ?? 0, source["producer"]?.string ?? "")
            let verb: String = source["kind"] == "appeared" ? "are new" : "ended"
            lines.append("all \(count) series of \(producer) on \(source["host"]?.string ?? "") \(verb)")
        }
        let (looked, all) = (metrics?["seriesLooked"]?.integer ?? 0, metrics?["series"]?.integer ?? 0)
        if let error = metrics?["error"]?.string { lines.append("metrics: could not be compared: \(error)") }
        if looked < all { lines.append("metrics: looked at \(looked) of \(all) series; name a host with --host") }
        let (shown, moved) = (metrics?["moves"]?.array?.count ?? 0, metrics?["moved"]?.integer ?? 0)
        if shown < moved { lines.append("metrics: \(shown) of \(moved) that moved") }
        return lines.isEmpty ? [] : [""] + lines
    }

    /// Four digits are enough to compare.
    private static func short(_ value: Double) -> String {
        guard value != 0, value.isFinite, value.magnitude < 1e15 else { return "\(value)" }
        var scale = 1.0
        while (value * scale).magnitude < 1000, scale < 1e9 { scale *= 10 }
        let rounded: Double = (value * scale).rounded() / scale
        return rounded == rounded.rounded() ? "\(Int64(rounded))" : "\(rounded)"
    }
}
