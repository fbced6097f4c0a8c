package import Database
import Declarations
package import Runtime
package import StoreService
package import Telemetry

/// How a server runs. What can come from git is not here.
package struct ServerConfiguration: Sendable {
    /// libpq connection string or URL. May hold a password: never logged.
    package var database: String
    /// Port 0 takes a free one.
    package var listen = ListenAddress(host: "127.0.0.1", port: 7700)
    /// Gets the port that was taken, once the server answers.
    package var portFile: String?
    package var tls: TLSFiles?
    /// Allows another address than loopback without TLS.
    package var isInsecureAllowed = false
    /// The keys that tokens are signed with; made on first use.
    package var keysFile: String
    /// Where `secretRef` is looked up, after systemd's credentials.
    package var secretsFolder: String?
    /// Connections to the database.
    package var poolSize = 10
    /// How many series are taken.
    package var limits = FrameLimits()
    /// How long a shrunk retention waits before it takes effect.
    package var retentionGrace = PromDuration.hours(24)
    /// Where the database's files are mounted on this machine; found by itself where the database is local.
    package var databaseDisk: String?
    /// Below a declared floor: how long dropping old partitions may take to help before nothing more is taken in.
    package var diskPatience = PromDuration.minutes(1)
    /// Asks what is free where a path is.
    package var measureDisk: @Sendable (_ path: String) async throws -> DiskSpace = { [probe = DiskProbe()] path in
        try await probe.space(at: path)
    }
    /// How often the store is looked at besides its notifications.
    package var configPoll = PromDuration.seconds(1)
    package var heartbeat = PromDuration.seconds(2)
    /// How often is looked for what can be sealed.
    package var sealInterval: Duration = .seconds(30)
    /// After this many crashes in a row under one generation engines stay off; 0 for never.
    package var crashLimit = SafeMode.crashLimit
    /// The most that stopping takes.
    package var shutdown = PromDuration.seconds(8)
    /// Applies missing migrations at start.
    package var migratesAtStart = false

    package init(database: String, keysFile: String) {
        self.database = database
        self.keysFile = keysFile
    }

    /// What is wrong with it, in words for the person who started the server; nil where nothing is.
    package var problem: String? {
        if !listen.isLoopback, tls == nil, !isInsecureAllowed {
            return """
                \(listen) can be reached from other machines: give --tls-cert and --tls-key, or --insecure to send \
                tokens and data in clear
                """
        }
        if !(1...100).contains(poolSize) { return "the pool has 1 to 100 connections, not \(poolSize)" }
        if let problem = limits.problem { return problem }
        if !(0...1000).contains(crashLimit) { return "a crash limit is 0 to 1000, not \(crashLimit)" }
        if configPoll <= .zero || heartbeat <= .zero || shutdown <= .zero || retentionGrace < .zero
            || sealInterval <= .zero
        {
            return "intervals must be longer than 0s"
        }
        return nil
    }
}
