package import ArgumentParser
import ConfigAPIServer
import Runtime
import Telemetry

/// `plumb-server token`: a token, alone on standard output.
package struct TokenCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Print a token, signed with the keys of this machine.")

    @OptionGroup package var keysOption: KeysOption
    @Option(help: "The name of who will use it; it owns the resources that are created with it.")
    package var subject: String
    @Option(help: "What it may do: \(Scope.allCases.map(\.rawValue).joined(separator: ", ")); several with commas.")
    package var scope: String
    @Option(help: "The only host that it is for; needed with scope ingest.")
    package var host: String?
    @Option(name: .customLong("for"), help: "How long it is valid, at most 366d.")
    package var lifetime = "1h"

    package init() {}

    package func run() async throws {
        guard let scopes = Scope.list(scope) else {
            let known: String = Scope.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--scope: expected any of \(known), got \"\(scope)\"")
        }
        guard let span = PromDuration(lifetime) else {
            throw ValidationError("--for: expected a duration such as 1h or 30d, got \"\(lifetime)\"")
        }
        if let problem = TokenClaims.problem(subject: subject, scopes: scopes, host: host, lifetime: span) {
            throw ValidationError(problem)
        }
        let authority = try await TokenAuthority(keysFile: keysOption.file)
        let claims = TokenClaims(
            subject: subject, scopes: scopes, host: host, issuedAt: .now(), lifetime: span)
        print(try await authority.mint(claims))
    }
}

/// `plumb-server rotate-keys`: sign with a new key from now on.
package struct RotateKeysCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "rotate-keys",
        abstract: "Sign tokens with a new key. Tokens of the key before stay valid until the next rotation.",
        discussion: "A running server notices by itself, with the first token of the new key.")

    @OptionGroup package var keysOption: KeysOption

    package init() {}

    package func run() async throws {
        let file: String = try keysOption.file
        let rotated: TokenKeys = try TokenKeys.loadOrCreate(file, now: .now()).rotated(now: .now())
        try rotated.save(file)
        print("tokens are signed with key \(rotated.signing.id) from now on")
    }
}
