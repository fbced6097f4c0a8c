import Declarations
import Glibc
import Runtime

/// The agent's own secret, in a file of mode 0600 of its state directory, `credential.json`.
struct AgentCredential: Hashable, Sendable {
    /// The host that it was enrolled as.
    var host: String
    var secret: String

    static func path(in stateDirectory: String) -> String { "\(stateDirectory)/credential.json" }

    init(host: String, secret: String) {
        self.host = host
        self.secret = secret
    }

    /// A fresh secret of 256 bits.
    init(host: String) {
        self.init(host: host, secret: AgentIdentity.randomID() + AgentIdentity.randomID())
    }

    /// What the file holds; nil where there is none. Throws where it is no credential, or others can read it.
    init?(reading path: String) throws(FileError) {
        let bytes: [UInt8]
        do throws(FileError) { bytes = try Files.read(path, limit: 64 << 10) } catch {
            if error.isMissing { return nil }
            throw error
        }
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & 0o077 == 0 else {
            throw FileError(
                path: path, operation: "use", reason: "others can read it: chmod 600 it, and enrol this host again")
        }
        guard let json = try? JSONValue(parsing: bytes), let host = json["host"]?.string,
            let secret = json["secret"]?.string, !secret.isEmpty
        else {
            throw FileError(path: path, operation: "use", reason: "it is no credential: remove it and enrol again")
        }
        self.init(host: host, secret: secret)
    }

    func write(to path: String) throws(FileError) {
        let json: JSONValue = ["host": .string(host), "secret": .string(secret)]
        try Files.write(json.canonical + [0x0A], to: path, mode: 0o600)
    }
}
