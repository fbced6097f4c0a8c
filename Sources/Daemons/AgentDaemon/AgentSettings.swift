import Declarations
import Delivery
import Runtime
import Telemetry

/// Where the agent's settings come from: the command line, then variables, then a file, then defaults.
struct AgentSettings: Sendable {
    var server: String?
    var tokenFile: String?
    var enrolmentFile: String?
    var stateDir: String?
    var host: String?
    /// `256MiB`; `0` for no spool.
    var spoolSize: String?
    /// `7d`.
    var spoolAge: String?
    var file: String?

    static let defaultFile = "/etc/plumbline/agent.json"
    static let defaultStateDirectory = "/var/lib/plumbline/agent"
    private static let keys: Set<String> = [
        "server", "tokenFile", "enrolmentFile", "stateDir", "host", "spoolSize", "spoolAge",
    ]

    struct Problem: Error {
        var message: String
    }

    func configuration(environment: (String) -> String?) throws(Problem) -> AgentConfiguration {
        let entries: [String: String] = try fileEntries(environment)
        let server: String =
            self.server ?? environment("PLUMB_SERVER") ?? entries["server"] ?? "http://127.0.0.1:7700"
        let isWebURL: Bool = ["http://", "https://"].contains {
            server.hasPrefix($0) && server.utf8.count > $0.utf8.count
        }
        guard isWebURL else {
            throw Problem(message: "the server's URL has to begin with http:// or https://, got \"\(server)\"")
        }
        let tokenFile: String? = tokenFile ?? environment("PLUMB_TOKEN_FILE") ?? entries["tokenFile"]
        let enrolmentFile: String? =
            enrolmentFile ?? environment("PLUMB_ENROLMENT_FILE") ?? entries["enrolmentFile"]
        let stateDir: String = stateDirectory(environment, entries)
        let isEnrolled: Bool = Files.exists(AgentCredential.path(in: stateDir))
        guard tokenFile != nil || enrolmentFile != nil || isEnrolled else {
            throw Problem(
                message: "this agent was not enrolled: get a token with plumb enrol --host HOST, then run plumb-agent "
                    + "enrol; or say --token-file FILE")
        }
        var configuration = AgentConfiguration(
            server: server, tokenFile: tokenFile, stateDirectory: stateDir,
            host: host ?? environment("PLUMB_HOST") ?? entries["host"])
        configuration.enrolmentFile = enrolmentFile
        if let text = spoolSize ?? environment("PLUMB_SPOOL_SIZE") ?? entries["spoolSize"] {
            guard let bytes = Self.bytes(text), bytes == 0 || bytes >= 8 << 20 else {
                throw Problem(
                    message: "the spool's size has to be a number with KiB, MiB or GiB, at least 8MiB, or 0 for no "
                        + "spool, got \"\(text)\"")
            }
            configuration.spool.bytes = bytes
        }
        if let text = spoolAge ?? environment("PLUMB_SPOOL_AGE") ?? entries["spoolAge"] {
            guard let age = PromDuration(text), age > .zero else {
                throw Problem(message: "the spool's age has to be a duration such as 7d, got \"\(text)\"")
            }
            configuration.spool.age = age
        }
        return configuration
    }

    /// The state directory alone, for who needs nothing of the server.
    func stateDirectory(environment: (String) -> String?) throws(Problem) -> String {
        stateDirectory(environment, try fileEntries(environment))
    }

    private func stateDirectory(_ environment: (String) -> String?, _ entries: [String: String]) -> String {
        stateDir ?? environment("PLUMB_STATE_DIR") ?? entries["stateDir"] ?? Self.defaultStateDirectory
    }

    /// A size with a unit; nil where it is none.
    private static func bytes(_ text: String) -> Int? {
        let digits: Substring = text.prefix { $0.isASCII && $0.isNumber }
        let units: [String: Int] = ["": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30]
        guard let number = Int(digits), let unit = units[String(text.dropFirst(digits.count))] else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: unit)
        return overflow ? nil : bytes
    }

    private func fileEntries(_ environment: (String) -> String?) throws(Problem) -> [String: String] {
        let named: String? = file ?? environment("PLUMB_CONFIG")
        let path: String = named ?? Self.defaultFile
        let bytes: [UInt8]
        do throws(FileError) { bytes = try Files.read(path) } catch {
            if error.isMissing, named == nil { return [:] }
            throw Problem(message: error.description)
        }
        let json: JSONValue
        do { json = try JSONValue(parsing: bytes) } catch { throw Problem(message: "\(path):\(error)") }
        var entries: [String: String] = [:]
        for (key, value) in json.object ?? [:] {
            guard Self.keys.contains(key) else {
                let known: String = Self.keys.sorted().joined(separator: ", ")
                throw Problem(message: "\(path): unknown key \"\(key)\"; there are \(known)")
            }
            guard let text = value.string else { throw Problem(message: "\(path): \(key): expected a string") }
            entries[key] = text
        }
        return entries
    }
}
