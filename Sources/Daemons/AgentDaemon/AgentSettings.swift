import Declarations
import Runtime

/// Where the agent's settings come from: the command line, then variables, then a file, then defaults.
struct AgentSettings: Sendable {
    var server: String?
    var tokenFile: String?
    var stateDir: String?
    var host: String?
    var file: String?

    static let defaultFile = "/etc/plumbline/agent.json"
    static let defaultStateDirectory = "/var/lib/plumbline/agent"
    private static let keys: Set<String> = ["server", "tokenFile", "stateDir", "host"]

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
        guard let tokenFile = tokenFile ?? environment("PLUMB_TOKEN_FILE") ?? entries["tokenFile"] else {
            throw Problem(message: "no token file: say --token-file FILE or set PLUMB_TOKEN_FILE")
        }
        let stateDir: String =
            self.stateDir ?? environment("PLUMB_STATE_DIR") ?? entries["stateDir"] ?? Self.defaultStateDirectory
        return AgentConfiguration(
            server: server, tokenFile: tokenFile, stateDirectory: stateDir,
            host: host ?? environment("PLUMB_HOST") ?? entries["host"])
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
