package import ArgumentParser
import Declarations
import PlatformClient
import Telemetry

package struct TokenCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Print a new token, alone on standard output.")

    @Option(help: "Whose token it is: the name in audit and reports.")
    var subject: String

    @Option(help: "What it allows: ingest, query, config:read, config, admin; several with commas.")
    var scope: String

    @Option(help: "The host that an ingest token may write for.")
    var host: String?

    @Option(name: .customLong("for"), help: ArgumentHelp("How long it holds.", valueName: "duration"))
    var lifetime: PromDuration = .hours(1)

    @OptionGroup var connection: ConnectionOptions

    package init() {}

    package func run() async throws {
        let body: JSONValue = .object(compacting: [
            "subject": .string(subject), "scopes": .array(scope.split(separator: ",").map { .string(String($0)) }),
            "host": host.map(JSONValue.string),
            "for": .string("\(lifetime)"),
        ])
        let answer: JSONValue = try await connection.client(token: "admin").json(.post, "/api/v1/tokens", body: body)
        guard let token = answer["token"]?.string else { throw OperatorError("the server answered without a token") }
        StandardOutput.line(token)
    }
}
