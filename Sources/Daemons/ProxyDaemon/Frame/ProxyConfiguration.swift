package import Runtime
package import StoreService
package import Telemetry

/// How a proxy runs. What can come from git is not here.
package struct ProxyConfiguration: Sendable {
    /// libpq connection string or URL, as the role `plumbline_proxy`. May hold a password: never logged.
    package var database: String
    /// Port 0 takes a free one.
    package var listen = ListenAddress(host: "127.0.0.1", port: 7701)
    /// Gets the port that was taken, once the proxy answers.
    package var portFile: String?
    package var tls: TLSFiles?
    /// Allows another address than loopback without TLS.
    package var isInsecureAllowed = false
    /// The keys that tokens are signed with, the proxy's own; made on first use.
    package var keysFile: String
    /// Where `uriRef` is looked up, after systemd's credentials.
    package var secretsFolder: String?
    package var poolSize = 8
    /// How often the store is looked at besides its notifications.
    package var configPoll = PromDuration.seconds(1)
    package var heartbeat = PromDuration.seconds(2)
    /// How often the sources are asked what waits.
    package var freshness = PromDuration.seconds(60)
    /// After this many crashes in a row under one generation engines stay off; 0 for never.
    package var crashLimit = SafeMode.crashLimit
    /// The most that stopping takes.
    package var shutdown = PromDuration.seconds(8)

    package init(database: String, keysFile: String) {
        self.database = database
        self.keysFile = keysFile
    }

    /// What is wrong with it, in words for the person who started the proxy; nil where nothing is.
    package var problem: String? {
        if !listen.isLoopback, tls == nil, !isInsecureAllowed {
            return """
                \(listen) can be reached from other machines: give --tls-cert and --tls-key, or --insecure to send \
                tokens and data in clear
                """
        }
        if !(1...100).contains(poolSize) { return "the pool has 1 to 100 connections, not \(poolSize)" }
        if !(0...1000).contains(crashLimit) { return "a crash limit is 0 to 1000, not \(crashLimit)" }
        if configPoll <= .zero || heartbeat <= .zero || shutdown <= .zero || freshness <= .zero {
            return "intervals must be longer than 0s"
        }
        return nil
    }
}
