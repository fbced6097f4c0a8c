package import ArgumentParser
import Declarations
import PlatformClient

package struct LoginCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "login", abstract: "Print a link that opens the dashboard, once.")

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    package init() {}

    package func run() async throws {
        let link: String = try await Self.link(try connection.client(token: "admin"))
        switch output.form {
        case .text: StandardOutput.line(link)
        case .json: StandardOutput.json(["version": 1, "url": .string(link)])
        }
    }

    /// Asks the server for a link that works once.
    static func link(_ client: ServerClient) async throws -> String {
        let answer: JSONValue = try await client.json(.post, "/api/v1/login-links", body: [:])
        guard let path = answer["path"]?.string else { throw OperatorError("the server answered without a link") }
        return client.baseURL + path
    }
}
