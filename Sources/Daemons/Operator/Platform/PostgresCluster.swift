import Glibc
package import PlatformClient
import Runtime

/// The private PostgreSQL of a data directory: on a unix socket alone, with peer authentication.
package struct PostgresCluster: Sendable {
    package let installation: PostgresInstallation
    /// Where the cluster really is; `DataDirectory.cluster` may link to it.
    package let directory: String
    package let socketDirectory: String
    /// Whom it runs as; nil for this process's user.
    package let user: OSUser?

    package static let port = 5432
    package static let superuser = "postgres"
    package static let database = "plumbline"
    package static let serviceRole = "plumbline"
    package static let operatorRole = "operator"
    package static let proxyRole = "plumbline_proxy"

    private var versionFile: String { "\(directory)/PG_VERSION" }

    /// Opens the cluster of `dataDirectory`, made first where there is none. PostgreSQL refuses to be root: started by
    /// root it runs as user postgres.
    package static func open(
        _ dataDirectory: DataDirectory, runtime: RuntimeDirectory, say: @Sendable (String) -> Void
    ) async throws -> PostgresCluster {
        let user: OSUser? = try unprivilegedUser()
        let existing: String = Files.absolute(dataDirectory.cluster)
        let version: String? = try? Files.text("\(existing)/PG_VERSION").trimmed
        let installation: PostgresInstallation = try .find(major: version.flatMap { Int($0) })
        if version != nil {
            let cluster = PostgresCluster(
                installation: installation, directory: existing, socketDirectory: runtime.postgres, user: user)
            try cluster.checkOwner()
            return cluster
        }
        let place: String = try placeForNewCluster(dataDirectory, user: user, say: say)
        let cluster = PostgresCluster(
            installation: installation, directory: place, socketDirectory: runtime.postgres, user: user)
        try await cluster.initialize()
        if place != dataDirectory.cluster, symlink(place, dataDirectory.cluster) != 0 {
            throw Files.failure("link the cluster as", dataDirectory.cluster)
        }
        return cluster
    }

    /// Nil unless this process is root's.
    package static func unprivilegedUser() throws -> OSUser? {
        guard geteuid() == 0 else { return nil }
        guard let user = OSUser(named: "postgres") else {
            throw OperatorError("PostgreSQL does not run as root, and there is no user postgres; install postgresql")
        }
        return user
    }

    /// The data directory, or a folder of its own below `/var/lib/plumbline` where PostgreSQL's user cannot reach it: a
    /// checkout in root's home is the ordinary case, not a mistake.
    private static func placeForNewCluster(
        _ dataDirectory: DataDirectory, user: OSUser?, say: @Sendable (String) -> Void
    ) throws -> String {
        guard let user, let obstacle = user.obstacle(to: dataDirectory.cluster) else { return dataDirectory.cluster }
        let base = "/var/lib/plumbline"
        let mode: String = "0" + String(obstacle.mode, radix: 8)
        do {
            try Files.createFolder(base, exactly: 0o755)
            let name: String = String(UInt64.random(in: 0 ... .max), radix: 36)
            try Files.createFolder("\(base)/\(name)", exactly: 0o755)
            if let other = user.obstacle(to: "\(base)/\(name)/postgres") {
                throw OperatorError("\(other.directory) is closed to \(user.name) too")
            }
            say(
                "\(obstacle.directory) (mode \(mode)) is closed to user \(user.name), so PostgreSQL's files are in "
                    + "\(base)/\(name), linked from \(dataDirectory.cluster)")
            return "\(base)/\(name)/postgres"
        } catch {
            throw OperatorError(
                "PostgreSQL runs as user \(user.name), who may not pass \(obstacle.directory) (mode \(mode)), and "
                    + "\(base) is no way out: \(error). Allow the way with chmod o+x \(obstacle.directory), or choose "
                    + "another place with --data-dir")
        }
    }

    private func checkOwner() throws {
        var status = stat()
        guard stat(directory, &status) == 0 else { throw Files.failure("look at", directory) }
        let owner: uid_t = user?.id ?? geteuid()
        guard status.st_uid == owner else {
            let other: String = OSUser(id: status.st_uid)?.name ?? "\(status.st_uid)"
            throw OperatorError(
                "\(directory) belongs to user \(other): plumb up was run here as another user before. Run it as that "
                    + "user, or choose another place with --data-dir")
        }
        if let user, let obstacle = user.obstacle(to: directory) {
            throw OperatorError(
                "PostgreSQL runs as user \(user.name), who may not pass \(obstacle.directory) any more; allow it with "
                    + "chmod o+x \(obstacle.directory)")
        }
    }

    /// Makes the cluster apart and moves it into place, so that an interrupted start leaves none that is half.
    private func initialize() async throws {
        let new = "\(directory).new"
        try Files.removeTree(new)
        try Files.createFolder(new, exactly: 0o700)
        try handOver(new)
        let runner = CommandRunner(environment: ["LC_ALL": "C.UTF-8"], user: user, workingDirectory: "/")
        try await runner.run(
            installation.initdb,
            [
                "--pgdata", new, "--username", Self.superuser, "--auth", "peer", "--encoding", "UTF8", "--locale",
                "C.UTF-8", "--data-checksums", "--no-instructions",
            ])
        let settings =
            "\n# Plumbline's settings; written again at each start. Your own belong below this line.\n"
            + "include 'plumbline.conf'\n"
        let main: String = try Files.text("\(new)/postgresql.conf")
        try Files.write((main + settings).utf8, to: "\(new)/postgresql.conf", mode: 0o600)
        try handOver("\(new)/postgresql.conf")
        guard rename(new, directory) == 0 else { throw Files.failure("move the new cluster to", directory) }
    }

    /// Writes what depends on this machine and this start: settings, who may connect as whom.
    package func configure(memory: UInt64 = Self.physicalMemory) throws {
        let files: [(name: String, text: String)] = [
            ("plumbline.conf", Self.settings(memory: memory, freeDisk: Self.freeDisk(at: directory))),
            ("plumbline_hba.conf", "local all all peer map=plumbline\n"),
            ("plumbline_ident.conf", Self.identities(of: try systemUsers())),
        ]
        for file in files {
            let path = "\(directory)/\(file.name)"
            try Files.write(file.text.utf8, to: path, mode: 0o600)
            try handOver(path)
        }
    }

    /// The users of the system who may open the database: whoever runs `plumb up`, whom PostgreSQL runs as, and root,
    /// who could become either.
    private func systemUsers() throws -> [String] {
        guard let current = OSUser(id: geteuid()) else {
            throw OperatorError(
                "user \(geteuid()) has no name, which PostgreSQL's peer authentication needs; add it to /etc/passwd")
        }
        return Set([current.name, "root"] + (user.map { [$0.name] } ?? [])).sorted()
    }

    /// The map from system users to roles. Each of `users` may be service, operator and superuser: they own the files
    /// anyway. The role says in which part somebody acts, and attribution rests on it.
    static func identities(of users: [String]) -> String {
        var lines: [String] = ["# map system-user role"]
        for user in users {
            for role in [serviceRole, proxyRole, operatorRole, superuser] {
                lines.append("plumbline \"\(user)\" \(role)")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Settings for a machine that has other work too: an eighth of the memory, at most 4 GiB, and a log of at most an
    /// eighth of the free disk.
    static func settings(memory: UInt64, freeDisk: UInt64 = .max) -> String {
        let megabytes: UInt64 = min(max((memory / 8) >> 20, 64), 4096)
        // What is written is written twice, first to the log: the fewer checkpoints, the less of it are whole pages.
        let log: UInt64 = min(max((freeDisk / 8) >> 20, 512), 8192)
        return """
            # Written by plumb up. Settings of your own belong into postgresql.conf, below its include line.
            listen_addresses = ''
            # What is acknowledged is on disk. Never off: agents forget what was acknowledged.
            fsync = on
            synchronous_commit = on
            full_page_writes = on
            shared_buffers = \(megabytes)MB
            effective_cache_size = \(megabytes * 4)MB
            work_mem = 16MB
            maintenance_work_mem = \(max(megabytes / 8, 64))MB
            max_connections = 60
            max_wal_size = \(log)MB
            min_wal_size = \(min(log / 4, 1024))MB
            checkpoint_timeout = 15min
            wal_compression = lz4
            max_locks_per_transaction = 256
            # A statement whose program was killed ends, rather than running on for nobody.
            client_connection_check_interval = 10s
            # Disks without moving parts: an index costs hardly more than a scan per page.
            random_page_cost = 1.1
            jit = off
            timezone = 'UTC'
            log_timezone = 'UTC'
            lc_messages = 'C'
            logging_collector = off
            log_line_prefix = '%m [%p] %q%u@%d '
            log_checkpoints = off

            """
    }

    /// The server under a lifeline wrapper, which also leaves root's rights.
    package func specification(programs: Programs, logFile: String) -> ChildSpecification {
        var arguments: [String] = ["with-lifeline", "--grace", "3"]
        if let user { arguments += ["--user", user.name] }
        arguments += [
            "--", installation.server, "-D", directory, "-p", "\(Self.port)", "-k", socketDirectory, "-c",
            "hba_file=\(directory)/plumbline_hba.conf", "-c", "ident_file=\(directory)/plumbline_ident.conf",
        ]
        return ChildSpecification(
            name: "postgres", executable: programs.plumb, arguments: arguments, environment: ["LC_ALL": "C.UTF-8"],
            logFile: logFile, stopWithin: .milliseconds(3500))
    }

    /// Stops a server that a killed `plumb up` left behind. Its own lifeline stops it too; this waits for that, then
    /// helps.
    package func stopLeftOver() async throws {
        let file = "\(directory)/postmaster.pid"
        guard let line = try? Files.text(file).split(separator: "\n").first, let process = Int32(line) else { return }
        guard isOurServer(process) else { return }
        if try await ProcessTable.waitForEnd(of: process, startTicks: nil, within: .seconds(4)) { return }
        kill(process, SIGINT)
        if try await ProcessTable.waitForEnd(of: process, startTicks: nil, within: .seconds(20)) { return }
        kill(process, SIGQUIT)
        guard try await ProcessTable.waitForEnd(of: process, startTicks: nil, within: .seconds(10)) else {
            throw OperatorError("a PostgreSQL of an earlier start (process \(process)) does not end; kill it")
        }
    }

    /// Whether the process is a PostgreSQL whose working directory is this cluster: numbers are used again.
    private func isOurServer(_ process: Int32) -> Bool {
        guard let folder = realpath("/proc/\(process)/cwd", nil) else { return false }
        defer { free(folder) }
        return String(cString: folder) == Files.absolute(directory)
    }

    private func handOver(_ path: String) throws {
        guard let user else { return }
        guard chown(path, user.id, user.group) == 0 else { throw Files.failure("hand to \(user.name)", path) }
    }

    package static var physicalMemory: UInt64 {
        let pages: Int = sysconf(Int32(_SC_PHYS_PAGES))
        return UInt64(max(pages, 0)) * UInt64(max(getpagesize(), 0))
    }

    /// What an ordinary user may still write there; everything where nothing can be said.
    static func freeDisk(at path: String) -> UInt64 {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return .max }
        return UInt64(status.f_bavail) * UInt64(status.f_frsize)
    }
}
