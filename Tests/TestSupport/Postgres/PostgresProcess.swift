package import Database
import Glibc

/// A private PostgreSQL server that ends with this process.
///
/// A shell holds it: it makes the cluster, starts the server and then reads from a pipe whose other end only this process
/// has. However this process ends, the pipe ends, and the shell stops the server and removes the directory.
package struct PostgresProcess: Sendable {
    /// Holds the cluster and the socket. In /tmp, because a socket's path must be shorter than 108 bytes.
    package let directory: String

    package static let port = 5432

    package func address(database: String, user: String) -> DatabaseAddress {
        DatabaseAddress(host: directory, port: Self.port, database: database, user: user)
    }

    package struct StartError: Error, CustomStringConvertible {
        package var description: String
    }

    /// `settings` are `name=value`.
    package static func start(settings: [String] = []) async throws -> PostgresProcess {
        let process = PostgresProcess(directory: try makeDirectory())
        try launch(process.directory, settings)
        try await process.waitUntilReady()
        return process
    }

    private static func makeDirectory() throws -> String {
        var template: [CChar] = Array("/tmp/plumb-postgres-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw StartError(description: "cannot make a directory in /tmp") }
        return String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private func waitUntilReady() async throws {
        let deadline: ContinuousClock.Instant = .now + .seconds(60)
        while true {
            do {
                let probe = try await PostgresConnection(
                    address(database: "postgres", user: "postgres"), applicationName: "tests")
                await probe.close()
                return
            } catch {
                guard ContinuousClock.now < deadline else {
                    throw StartError(description: "PostgreSQL did not start; see \(directory)/log (\(error))")
                }
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }

    // MARK: The shell

    /// Debian keeps the programs out of PATH. As root, PostgreSQL runs as the user that Debian's package made.
    private static let script = """
        dir=$1
        shift
        more=
        for setting; do more="$more -c $setting"; done
        bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
        as=
        if [ "$(id -u)" = 0 ]; then as="setpriv --reuid postgres --regid postgres --init-groups"; chown postgres: "$dir"; fi
        cd "$dir"
        trap 'kill -QUIT "$server" 2>/dev/null; wait "$server"; rm -rf "$dir"' EXIT
        trap 'exit 1' INT TERM HUP
        $as "${bin:+$bin/}initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$dir/log" 2>&1
        $as "${bin:+$bin/}postgres" -D "$dir/data" -k "$dir" -p \(port) -c listen_addresses= -c fsync=off \
            -c synchronous_commit=off -c full_page_writes=off -c max_connections=400 -c shared_buffers=64MB \
            -c autovacuum=off -c max_wal_size=4GB $more >>"$dir/log" 2>&1 </dev/null &
        server=$!
        while read -r line; do :; done
        """

    /// Starts the shell. Our end of the pipe stays open until this process ends. (A pair of sockets, because they can be
    /// made such that no other child inherits them, without a gap.)
    private static func launch(_ directory: String, _ settings: [String]) throws {
        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw StartError(description: "cannot make a pipe") }
        let (ours, theirs): (Int32, Int32) = (ends[0], ends[1])
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, theirs, 0)
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        // A group of its own: Ctrl-C in the terminal reaches the tests, and through the pipe the server.
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        posix_spawnattr_setpgroup(&attributes, 0)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
            close(theirs)
        }
        let words: [String] = ["sh", "-c", script, "postgres-for-tests", directory] + settings
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
        arguments.append(nil)
        defer { for argument in arguments { free(argument) } }
        var process: pid_t = 0
        let status: Int32 = posix_spawn(&process, "/bin/sh", &actions, &attributes, &arguments, environ)
        guard status == 0 else {
            close(ours)
            throw StartError(description: "cannot start /bin/sh: \(String(cString: strerror(status)))")
        }
    }
}
