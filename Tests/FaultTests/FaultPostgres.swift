import Database
import Glibc
import TestSupport

/// A PostgreSQL that keeps its promises (`fsync`, `synchronous_commit`), to be killed and started over and over on the same
/// data. Its lifeline ends it with the tests.
final class FaultPostgres {
    private let folder: TemporaryFolder
    private var process: ChildProgram?

    private static let port = 5432
    /// Debian keeps the programs out of PATH. As root, PostgreSQL runs as the user that Debian's package made.
    private static let shell = """
        bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
        as=
        if [ "$(id -u)" = 0 ]; then as="setpriv --reuid postgres --regid postgres --init-groups"; fi
        cd /
        """

    init() async throws {
        folder = try TemporaryFolder()
        chmod(folder.path, 0o755)
        mkdir(folder("db"), 0o777)
        chmod(folder("db"), 0o777)
        let made = try ChildProgram(
            "/bin/sh",
            [
                "-c",
                Self.shell
                    + "\nexec $as \"${bin:+$bin/}initdb\" -D \"$0/data\" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --data-checksums",
                folder("db"),
            ])
        guard try await made.end() == 0 else { throw TestSupportError("initdb: \(made.output)") }
        try await start()
        let superuser = try await connect("postgres", as: "postgres")
        try await DatabaseBootstrap().run(superuser: superuser)
        await superuser.close()
        let service = try await connect("plumbline", as: "plumbline")
        _ = try await Migrator.embedded.migrate(service)
        await service.close()
    }

    var address: DatabaseAddress { address("plumbline", as: "plumbline") }

    private func address(_ database: String, as user: String) -> DatabaseAddress {
        DatabaseAddress(host: folder("db"), port: Self.port, database: database, user: user)
    }

    func connect(_ database: String = "plumbline", as user: String = "postgres") async throws -> PostgresConnection {
        try await PostgresConnection(
            address(database, as: user),
            ConnectionConfiguration(applicationName: "fault tests", statementTimeout: .seconds(300)))
    }

    /// Starts it and waits until it answers. What a killed one left in memory may take a moment to go: then again.
    func start() async throws {
        let deadline: ContinuousClock.Instant = .now + .seconds(120)
        while true {
            let child = try ChildProgram(
                "/bin/sh",
                [
                    "-c",
                    Self.shell
                        + """

                        # The shell is what the lifeline ends; it takes the server along. What runs in the background
                        # has no standard input of its own.
                        exec 3<&0
                        $as "${bin:+$bin/}postgres" -D "$0/data" -k "$0" -p \(Self.port) -c listen_addresses= \
                            -c max_connections=60 -c shared_buffers=256MB -c max_wal_size=2GB -c wal_compression=lz4 </dev/null &
                        server=$!
                        trap 'kill -QUIT $server 2>/dev/null' EXIT
                        { while read -r line; do :; done; kill -QUIT $server; } <&3 &
                        wait $server
                        """,
                    folder("db"),
                ])
            process = child
            while child.status == nil {
                if let connection = try? await connect("postgres") {
                    await connection.close()
                    return
                }
                guard ContinuousClock.now < deadline else {
                    throw TestSupportError("PostgreSQL does not start: \(child.output.suffix(2000))")
                }
                try await Task.sleep(for: .milliseconds(20))
            }
            guard ContinuousClock.now < deadline else {
                throw TestSupportError("PostgreSQL does not start: \(child.output.suffix(2000))")
            }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    /// Ends the server and all its processes at once, as a machine that fails does (but for what the kernel still holds).
    func kill() async throws {
        let main: Int32 = try postmaster()
        let children: [Int32] = Processes.children(of: main)
        _ = Glibc.kill(main, SIGKILL)
        for child in children { _ = Glibc.kill(child, SIGKILL) }
        // The shell ends once it has taken note of the end: until somebody has, the next start believes it still runs.
        try await process?.end(within: .seconds(30))
        process?.kill()
        process = nil
    }

    private func postmaster() throws -> Int32 {
        let text: String = try readText(folder("db") + "/data/postmaster.pid")
        guard let process = text.split(separator: "\n").first.flatMap({ Int32($0) }) else {
            throw TestSupportError("postmaster.pid makes no sense")
        }
        return process
    }

    deinit { process?.kill() }
}

enum Processes {
    /// Those that `parent` started.
    static func children(of parent: Int32) -> [Int32] {
        guard let text = try? readText("/proc/\(parent)/task/\(parent)/children") else { return [] }
        return text.split(separator: " ").compactMap { Int32($0) }
    }
}

func readText(_ path: String) throws -> String {
    let descriptor: Int32 = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw TestSupportError("cannot read \(path)") }
    defer { close(descriptor) }
    var buffer = [UInt8](repeating: 0, count: 16 << 10)
    let count: Int = read(descriptor, &buffer, buffer.count)
    return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
}
