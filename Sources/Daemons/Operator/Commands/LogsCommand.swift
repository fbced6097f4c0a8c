package import ArgumentParser
import Declarations
import PlatformClient
import Runtime
import Telemetry

package struct LogsCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Search the log lines of all hosts, or follow them as they arrive.",
        discussion: """
            Lines are printed oldest first; of more than --limit the newest are shown. Times are RFC 3339, or a span \
            before now such as 15m.
            """)

    @Argument(help: "A part of the message, in upper or lower case. Without it every line is shown.")
    var text: String?

    @Option(help: "Lines of this host.") var host: String?
    @Option(help: ArgumentHelp("This level and all that are worse: debug, info, warn, error.")) var level: String?
    @Option(help: "Lines of this LogSource.") var source: String?
    @Option(help: ArgumentHelp("Lines of this file; * stands for any characters.", valueName: "path"))
    var path: String?
    @Option(help: ArgumentHelp("Not before this time.", valueName: "time")) var from: PointInTime?
    @Option(help: ArgumentHelp("Before this time.", valueName: "time")) var to: PointInTime?
    @Option(help: "At most so many lines, 1 to 5000.") var limit = 100
    @Flag(name: .shortAndLong, help: "Go on with lines as they arrive, until interrupted.") var follow = false

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    package init() {}

    package func validate() throws {
        if let level, LogLevel(alias: level) == nil {
            throw ValidationError("--level: expected debug, info, warn or error, got \"\(level)\"")
        }
        guard (1...5000).contains(limit) else { throw ValidationError("--limit: expected 1 to 5000, got \(limit)") }
        guard !follow || to == nil else { throw ValidationError("--follow has no end: leave out --to") }
    }

    package func run() async throws {
        let client: ServerClient = try connection.client(token: "query")
        let now: Timestamp = .now()
        var query: [(String, String)] = filters
        if let from { query.append(("from", from.instant(now: now).rfc3339)) }
        if let to { query.append(("to", to.instant(now: now).rfc3339)) }
        query.append(("limit", "\(limit)"))
        let answer: JSONValue = try await client.json(.get, "/api/v1/logs", query: query)
        let lines: [JSONValue] = Array((answer["lines"]?.array ?? []).reversed())
        guard follow else {
            switch output.form {
            case .json: StandardOutput.json(["lines": .array(lines)])
            case .text: StandardOutput.line(lines.isEmpty ? "no lines" : lines.map(Self.text).joined(separator: "\n"))
            }
            return
        }
        for line in lines { show(line) }
        try await follow(client, after: lines, now: now)
    }

    private var filters: [(String, String)] {
        let all: [(String, String?)] = [
            ("text", text), ("host", host), ("level", level), ("source", source), ("path", path),
        ]
        return all.compactMap { name, value in value.map { (name, $0) } }
    }

    // MARK: Following

    /// How long after its time a line may arrive and still be shown. What an agent delivers later than that, after an
    /// outage, is found by a search.
    private static let lookBack = PromDuration.seconds(60)

    private func follow(_ client: ServerClient, after lines: [JSONValue], now: Timestamp) async throws {
        var seen: Set<String> = Set(lines.compactMap { $0["id"]?.string })
        var newest: Timestamp = lines.compactMap(Self.time).max() ?? now
        while true {
            try await Task.sleep(for: .seconds(1))
            let window: [JSONValue] = try await all(client, from: newest - Self.lookBack)
            for line in window where !seen.contains(line["id"]?.string ?? "") { show(line) }
            newest = max(newest, window.compactMap(Self.time).max() ?? newest)
            // Only what can come again is remembered.
            seen = Set(window.compactMap { $0["id"]?.string })
        }
    }

    /// Every line since an instant, oldest first, page by page.
    private func all(_ client: ServerClient, from start: Timestamp) async throws -> [JSONValue] {
        let query: [(String, String)] =
            filters + [("direction", "forward"), ("from", start.rfc3339), ("limit", "5000")]
        var lines: [JSONValue] = []
        var cursor: String?
        repeat {
            let answer: JSONValue = try await client.json(
                .get, "/api/v1/logs", query: query + (cursor.map { [("cursor", $0)] } ?? []))
            lines += answer["lines"]?.array ?? []
            cursor = answer["next"]?.string
        } while cursor != nil
        return lines
    }

    private static func time(_ line: JSONValue) -> Timestamp? {
        line["time"]?.string.flatMap { Timestamp(rfc3339: $0) }
    }

    // MARK: Printing

    private func show(_ line: JSONValue) {
        switch output.form {
        case .json: StandardOutput.json(line)
        case .text: StandardOutput.line(Self.text(line))
        }
    }

    /// One line for people: time, host, level, source, message, and what it holds beside it.
    static func text(_ line: JSONValue) -> String {
        let level: String = (line["level"]?.string ?? "?").uppercased()
        var parts: [String] = [
            line["time"]?.string ?? "?", line["host"]?.string ?? "?",
            level + String(repeating: " ", count: max(0, 5 - level.count)), line["source"]?.string ?? "?",
            line["message"]?.string ?? "",
        ]
        if let fields = line["fields"], fields.object?.isEmpty == false { parts.append(fields.canonicalText) }
        return harmless(parts.joined(separator: " "))
    }

    /// What a program wrote must not steer the terminal of who reads it.
    private static func harmless(_ text: String) -> String {
        var output = ""
        for scalar in text.unicodeScalars {
            let isControl: Bool = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
            if isControl, scalar != "\t" {
                output += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                output.unicodeScalars.append(scalar)
            }
        }
        return output
    }
}

/// A time as people write it: RFC 3339, or a span before now.
struct PointInTime: ExpressibleByArgument, Sendable {
    private enum Form { case at(Timestamp), before(PromDuration) }
    private let form: Form

    init?(argument: String) {
        if let instant = Timestamp(rfc3339: argument) {
            form = .at(instant)
        } else if let span = PromDuration(argument), span > .zero {
            form = .before(span)
        } else {
            return nil
        }
    }

    func instant(now: Timestamp) -> Timestamp {
        switch form {
        case .at(let instant): instant
        case .before(let span): now - span
        }
    }
}
