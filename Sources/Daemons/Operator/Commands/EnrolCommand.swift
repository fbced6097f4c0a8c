package import ArgumentParser
import Declarations
import PlatformClient
import Telemetry

/// `plumb enrol`: a one-time enrolment token, alone on standard output.
package struct EnrolCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "enrol", abstract: "Print a one-time token with which the agent of a host gets its own secret.",
        discussion: "On the host: plumb-agent enrol --server URL --enrolment-file FILE, with the token in the file.")

    @Option(help: "The host that the agent will report as.")
    var host: String

    @Option(name: .customLong("for"), help: ArgumentHelp("How long it can be used.", valueName: "duration"))
    var lifetime: PromDuration = .hours(1)

    @OptionGroup var connection: ConnectionOptions

    package init() {}

    package func run() async throws {
        let answer: JSONValue = try await connection.client(token: "admin").json(
            .post, "/api/v1/enrolments", body: ["host": .string(host), "for": .string("\(lifetime)")])
        guard let token = answer["token"]?.string else { throw OperatorError("the server answered without a token") }
        StandardOutput.line(token)
    }
}

/// `plumb revoke`: no token of the host counts any more.
package struct RevokeCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "Refuse the secret and every token of a host from now on; enrol it again to let it in.")

    @Option(help: "The host.")
    var host: String

    @OptionGroup var connection: ConnectionOptions

    package init() {}

    package func run() async throws {
        let answer: JSONValue = try await connection.client(token: "admin").json(
            .post, "/api/v1/credentials/revoke", body: ["host": .string(host)])
        let hadSecret: Bool = answer["hadSecret"]?.bool ?? false
        StandardOutput.line(
            hadSecret
                ? "the agent of \(host) is refused from now on; plumb enrol --host \(host) lets it in again"
                : "\(host) had no secret; tokens that were made for it are refused from now on")
    }
}

/// `plumb credentials`: which hosts have a secret, and when it was used.
package struct CredentialsCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "credentials", abstract: "List the hosts that were enrolled: since when, last used, revoked.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    package init() {}

    package func run() async throws {
        let answer: JSONValue = try await connection.client(token: "admin").json(.get, "/api/v1/credentials")
        switch output.form {
        case .json: StandardOutput.json(answer)
        case .text: StandardOutput.line(Self.text(answer))
        }
    }

    static func text(_ answer: JSONValue) -> String {
        let credentials: [JSONValue] = answer["credentials"]?.array ?? []
        guard !credentials.isEmpty else { return "no host was enrolled yet" }
        var table = TextTable(header: ["HOST", "ENROLLED", "LAST USED", "FROM", "STATE"])
        for credential in credentials {
            let revoked: String? = credential["revokedAt"]?.string.map { at in
                "revoked \(at) by \(credential["revokedBy"]?.string ?? "?")"
            }
            table.add([
                credential["host"]?.string ?? "?", credential["createdAt"]?.string ?? "?",
                credential["lastUsedAt"]?.string ?? "-", credential["lastAddress"]?.string ?? "-",
                revoked ?? "valid",
            ])
        }
        return table.text
    }
}
