import Declarations
import Glibc
package import PlatformClient
package import Runtime
package import Telemetry

/// Makes the tokens of a data directory and renews them before they end. The programs read their files again, so nothing
/// is restarted.
package struct TokenKeeper: Sendable {
    /// One token file.
    package struct Wanted: Hashable, Sendable {
        /// The file's name in `tokens/`.
        package var name: String
        package var subject: String
        package var scopes: [String]
        package var host: String?
        /// Which component's keys sign it.
        package var signer: Signer

        package enum Signer: Hashable, Sendable { case server, proxy }

        package init(
            name: String, subject: String, scopes: [String], host: String? = nil, signer: Signer = .server
        ) {
            self.signer = signer
            self.name = name
            self.subject = subject
            self.scopes = scopes
            self.host = host
        }
    }

    package static let lifetime: PromDuration = .hours(24)

    private let directory: DataDirectory
    private let programs: Programs
    private let wanted: [Wanted]
    private let now: WallClock

    package init(
        directory: DataDirectory, programs: Programs, host: String, hasProxy: Bool = true,
        now: @escaping WallClock = Timestamp.now
    ) {
        self.directory = directory
        self.programs = programs
        self.wanted = Self.wanted(host: host).filter { hasProxy || $0.signer == .server }
        self.now = now
    }

    /// One for people who administrate, one for each client of the server, one to look only.
    package static func wanted(host: String) -> [Wanted] {
        [
            Wanted(name: "admin", subject: "admin", scopes: ["admin", "config", "config:read", "query"]),
            Wanted(name: "agent", subject: "agent-\(host)", scopes: ["ingest"], host: host),
            Wanted(name: "gitops-sync", subject: "gitops-sync", scopes: ["config", "config:read", "query"]),
            Wanted(name: "query", subject: "query", scopes: ["query"]),
            Wanted(
                name: "proxy-admin", subject: "admin",
                scopes: ["admin", "config", "config:read", "events", "pipelines", "query"], signer: .proxy),
            Wanted(name: "proxy-sync", subject: "gitops-sync", scopes: ["config", "config:read"], signer: .proxy),
            Wanted(name: "reading-sync", subject: "reading-sync", scopes: ["pipelines"], signer: .proxy),
        ]
    }

    /// Makes every token anew: at a start nothing says that the old ones were signed with the keys of today.
    package func makeAll() async throws {
        for token in wanted { try await make(token) }
    }

    /// Makes those anew whose life is half over. Answers what went wrong, by name of the token: the others are made.
    package func renew() async -> [String] {
        var problems: [String] = []
        for token in wanted where isDue(token) {
            do { try await make(token) } catch { problems.append("token \(token.name): \(error)") }
        }
        return problems
    }

    private func isDue(_ token: Wanted) -> Bool {
        guard let text = try? Files.text(directory.token(token.name)), let expiry = Self.expiry(of: text.trimmed) else {
            return true
        }
        return (expiry - now()).milliseconds < Self.lifetime.milliseconds / 2
    }

    private func make(_ token: Wanted) async throws {
        var arguments: [String] = [
            "token", "--keys", token.signer == .proxy ? directory.proxyKeys : directory.keys, "--subject",
            token.subject, "--scope",
            token.scopes.joined(separator: ","), "--for", "\(Self.lifetime)",
        ]
        if let host = token.host { arguments += ["--host", host] }
        let program: String = token.signer == .proxy ? programs.proxy : programs.server
        let text: String = try await CommandRunner().run(program, arguments).trimmed
        guard Self.expiry(of: text) != nil else {
            throw OperatorError("\(program) token printed something that is not a token")
        }
        try Files.write((text + "\n").utf8, to: directory.token(token.name), mode: 0o600)
    }

    /// When a JWT ends, read from its second part; nothing is verified. Nil where it is none, or has no end.
    package static func expiry(of token: String) -> Timestamp? {
        let parts: [Substring] = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let payload = base64URLDecoded(parts[1]),
            let seconds = (try? JSONValue(parsing: payload))?["exp"]?.number, seconds.magnitude < 1e11
        else { return nil }
        return Timestamp(seconds: seconds)
    }

    /// RFC 4648 base64url without padding.
    static func base64URLDecoded(_ text: Substring) -> [UInt8]? {
        var bytes: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        for character in text.utf8 {
            guard let value = sextet(character) else { return nil }
            bits = bits << 6 | UInt32(value)
            count += 6
            guard count >= 8 else { continue }
            count -= 8
            bytes.append(UInt8(truncatingIfNeeded: bits >> count))
        }
        return bytes
    }

    private static func sextet(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): character - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): character - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0") + 52
        case UInt8(ascii: "-"): 62
        case UInt8(ascii: "_"): 63
        default: nil
        }
    }
}
