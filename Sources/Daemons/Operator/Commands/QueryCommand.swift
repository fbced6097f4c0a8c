package import ArgumentParser
import Declarations
import PlatformClient
import Runtime
import Telemetry

package struct QueryCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "query", abstract: "Evaluate a PromQL expression, now or over a range.")

    @Argument(help: "The expression.")
    var expression: String

    @Option(help: ArgumentHelp("Look back this long instead of at now alone.", valueName: "duration"))
    var range: PromDuration?

    @Option(help: ArgumentHelp("With --range: the distance of points. Default: a 60th of it.", valueName: "duration"))
    var step: PromDuration?

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    package init() {}

    package func validate() throws {
        guard step == nil || range != nil else { throw ValidationError("--step needs --range") }
        for span in [range, step] {
            if let span, span.milliseconds <= 0 { throw ValidationError("durations are longer than zero") }
        }
    }

    package func run() async throws {
        let client: ServerClient = try connection.client(token: "query")
        var query: [(String, String)] = [("query", expression)]
        var path = "/api/v1/query"
        if let range {
            path = "/api/v1/query_range"
            let end: Timestamp = .now()
            let step: PromDuration = self.step ?? PromDuration(milliseconds: max(1000, range.milliseconds / 60))
            query += [
                ("start", "\((end - range).seconds)"), ("end", "\(end.seconds)"), ("step", "\(step.seconds)"),
            ]
        }
        let answer: JSONValue = try await client.json(.get, path, query: query)
        switch output.form {
        case .json: StandardOutput.json(answer)
        case .text: StandardOutput.line(Self.text(answer))
        }
    }

    /// Reads the form of Prometheus' query API.
    static func text(_ answer: JSONValue) -> String {
        let data: JSONValue? = answer["data"]
        switch data?["resultType"]?.string {
        case "scalar", "string":
            return data?["result"]?.array?.last?.string ?? "no value"
        case "matrix":
            return matrix(data?["result"]?.array ?? [])
        default:
            return vector(data?["result"]?.array ?? [])
        }
    }

    private static func vector(_ series: [JSONValue]) -> String {
        guard !series.isEmpty else { return "no series" }
        var table = TextTable(header: ["VALUE", "SERIES"])
        for one in series { table.add([one["value"]?.array?.last?.string ?? "?", name(one)]) }
        return table.text
    }

    private static func matrix(_ series: [JSONValue]) -> String {
        guard !series.isEmpty else { return "no series" }
        return series.map { one in
            let points: [String] = (one["values"]?.array ?? []).map { point in
                let pair: [JSONValue] = point.array ?? []
                let seconds: Double = pair.first?.number ?? 0
                return "  \(Timestamp(seconds: seconds).rfc3339)  \(pair.last?.string ?? "?")"
            }
            return ([name(one)] + points).joined(separator: "\n")
        }.joined(separator: "\n")
    }

    private static func name(_ series: JSONValue) -> String {
        var labels: [String: JSONValue] = series["metric"]?.object ?? [:]
        let name: String = labels.removeValue(forKey: "__name__")?.string ?? ""
        return labels.isEmpty && !name.isEmpty ? name : name + labelText(labels)
    }
}
