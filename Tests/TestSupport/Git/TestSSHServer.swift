import Glibc
import Subprocess
import SystemPackage

/// An OpenSSH server for one user, this one, on a port of its own: one `sshd` for each connection.
package final class TestSSHServer: Sendable {
    private let folder: TemporaryFolder
    private let listener: LocalListener

    /// The private key that the server lets in.
    package var keyFile: String { folder("user_key") }
    /// A private key that it does not.
    package var otherKeyFile: String { folder("other_key") }
    /// Holds the server's key.
    package var knownHostsFile: String { folder("known_hosts") }
    /// Holds another key under the server's name.
    package var wrongKnownHostsFile: String { folder("wrong_known_hosts") }
    package var port: Int { listener.port }

    /// Debian's openssh-server; `PLUMBLINE_TEST_SSHD` names another place. Nil where there is none that would run: as
    /// root it wants the user that its package makes.
    package static var program: String? {
        guard geteuid() != 0 || getpwnam("sshd") != nil else { return nil }
        let named: String? = getenv("PLUMBLINE_TEST_SSHD").map { String(cString: $0) }
        return [named, "/usr/sbin/sshd"].compactMap { $0 }.first { access($0, X_OK) == 0 }
    }

    package init(program: String) async throws {
        let folder = try TemporaryFolder()
        for name in ["host_key", "wrong_key", "user_key", "other_key"] {
            let made = try await Subprocess.run(
                .name("ssh-keygen"), arguments: ["-q", "-t", "ed25519", "-N", "", "-f", folder(name)],
                output: .discarded)
            guard made.terminationStatus.isSuccess else { throw TestSupportError("ssh-keygen failed") }
        }
        try folder.write(
            """
            HostKey \(folder("host_key"))
            AuthorizedKeysFile \(folder("user_key.pub"))
            StrictModes no
            PasswordAuthentication no
            KbdInteractiveAuthentication no
            PermitRootLogin yes
            PidFile none
            LogLevel ERROR

            """, to: "sshd_config")
        // As root, sshd wants this folder for the process that talks to strangers.
        if geteuid() == 0 { mkdir("/run/sshd", 0o755) }
        listener = try LocalListener { connection in
            Self.serve(connection, [program, "-i", "-e", "-f", folder("sshd_config")], log: folder("log"))
        }
        for (name, key) in [("known_hosts", "host_key"), ("wrong_known_hosts", "wrong_key")] {
            let line: String = try Self.text(folder("\(key).pub")).split(separator: " ").prefix(2).joined(
                separator: " ")
            try folder.write("[127.0.0.1]:\(listener.port) \(line)\n", to: name)
        }
        self.folder = folder
    }

    package func url(_ path: String) -> String {
        let user: String = getpwuid(geteuid()).map { String(cString: $0.pointee.pw_name) } ?? "root"
        return "ssh://\(user)@127.0.0.1:\(port)\(path)"
    }

    /// What the servers complained of.
    package var log: String { (try? Self.text(folder("log"))) ?? "" }

    private static func serve(_ connection: Int32, _ command: [String], log: String) {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, connection, 0)
        posix_spawn_file_actions_adddup2(&actions, connection, 1)
        posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var process: pid_t = 0
        guard posix_spawn(&process, command[0], &actions, nil, &arguments, environ) == 0 else { return }
        var status: Int32 = 0
        waitpid(process, &status, 0)
    }

    private static func text(_ path: String) throws -> String {
        guard let file = fopen(path, "r") else { throw TestSupportError("cannot read \(path)") }
        defer { fclose(file) }
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        let count: Int = fread(&buffer, 1, buffer.count, file)
        return String(decoding: buffer.prefix(count), as: UTF8.self)
    }
}
