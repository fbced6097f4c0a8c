import Glibc
import HostSystem
import Runtime

/// Who this agent is: the same after every restart.
struct AgentIdentity: Sendable {
    var host: String
    /// Random, made at the first start and kept in the state directory.
    var agentID: String
    var bootID: String
    var facts: HostFacts

    init(host: String?, stateDirectory: String, files: some HostFiles) throws(FileError) {
        facts = HostFacts(reading: files)
        guard let name = host ?? facts.hostName else {
            throw FileError(
                path: "/proc/sys/kernel/hostname", operation: "find the host's name in", reason: "say --host")
        }
        self.host = name
        bootID = facts.bootID ?? "unknown"
        agentID = try Self.agentID("\(stateDirectory)/agent-id")
    }

    private static func agentID(_ path: String) throws(FileError) -> String {
        if let text = try? Files.text(path, limit: 1024), let known = text.split(whereSeparator: \.isWhitespace).first {
            return String(known)
        }
        let made: String = randomID()
        try Files.write(Array("\(made)\n".utf8), to: path, mode: 0o644)
        return made
    }

    /// 128 random bits in hexadecimal.
    static func randomID() -> String {
        (0..<4).map { _ in
            let part = String(UInt32.random(in: 0 ... .max), radix: 16)
            return String(repeating: "0", count: 8 - part.count) + part
        }.joined()
    }
}
