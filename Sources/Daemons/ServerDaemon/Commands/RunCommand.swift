import ArgumentParser
import Logging
import Runtime
import StoreService
import Telemetry

/// `plumb-server run`: the daemon.
///
/// A flag goes before its environment variable, which goes before the default.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "run", abstract: "Run the server until SIGTERM.")

    @OptionGroup var databaseOption: DatabaseOption
    @OptionGroup var keysOption: KeysOption
    @Option(help: "HOST:PORT to listen on; port 0 takes a free one. PLUMB_LISTEN. Default 127.0.0.1:7700.")
    var listen: String?
    @Option(help: "A file that gets the port once the server answers. PLUMB_PORT_FILE.")
    var portFile: String?
    @Option(help: "The certificate chain, PEM. PLUMB_TLS_CERT.")
    var tlsCert: String?
    @Option(help: "The certificate's key, PEM. PLUMB_TLS_KEY.")
    var tlsKey: String?
    @Flag(help: "Listen on other addresses than loopback without TLS. PLUMB_INSECURE=1.")
    var insecure = false
    @Option(help: "Where secretRef is looked up, after systemd's credentials. PLUMB_SECRETS_DIR.")
    var secretsDir: String?
    @Option(help: "How long a shrunk retention waits before it takes effect. PLUMB_RETENTION_GRACE. Default 24h.")
    var retentionGrace: String?
    @Option(help: "How often to look for samples to seal. PLUMB_SEAL_INTERVAL. Default 30s.")
    var sealInterval: String?
    @Option(
        help: "Where the database's files are mounted here. PLUMB_DATABASE_DISK. Default: asked of a local database.")
    var databaseDisk: String?
    @Option(help: "Connections to the database, 1 to 100. PLUMB_POOL_SIZE. Default 10.")
    var poolSize: Int?
    @OptionGroup var crashLimitOption: CrashLimitOption
    @OptionGroup var limitOptions: LimitOptions
    @Flag(help: "Apply missing migrations at start. PLUMB_MIGRATE=1.")
    var migrate = false

    func run() async throws {
        let logger: Logger = LogSetup(service: "plumb-server").bootstrap()
        try await Server(try serverConfiguration(), logger: logger).run()
    }

    private func serverConfiguration() throws -> ServerConfiguration {
        var server = ServerConfiguration(database: try databaseOption.conninfo, keysFile: try keysOption.file)
        if let text = listen ?? ProcessEnvironment.value("PLUMB_LISTEN") {
            guard let address = ListenAddress(text) else {
                throw ValidationError("--listen: expected HOST:PORT such as 127.0.0.1:7700, got \"\(text)\"")
            }
            server.listen = address
        }
        server.portFile = portFile ?? ProcessEnvironment.value("PLUMB_PORT_FILE")
        server.tls = try tlsFiles()
        server.isInsecureAllowed = insecure || isSet("PLUMB_INSECURE")
        server.secretsFolder = secretsDir ?? ProcessEnvironment.value("PLUMB_SECRETS_DIR")
        if let text = retentionGrace ?? ProcessEnvironment.value("PLUMB_RETENTION_GRACE") {
            guard let span = PromDuration(text) else {
                throw ValidationError("--retention-grace: expected a duration such as 24h, got \"\(text)\"")
            }
            server.retentionGrace = span
        }
        if let text = sealInterval ?? ProcessEnvironment.value("PLUMB_SEAL_INTERVAL") {
            guard let span = PromDuration(text) else {
                throw ValidationError("--seal-interval: expected a duration such as 30s, got \"\(text)\"")
            }
            server.sealInterval = span.duration
        }
        server.databaseDisk = databaseDisk ?? ProcessEnvironment.value("PLUMB_DATABASE_DISK")
        if let size = poolSize ?? ProcessEnvironment.value("PLUMB_POOL_SIZE").flatMap({ Int($0) }) {
            server.poolSize = size
        }
        server.limits = try limitOptions.limits
        server.migratesAtStart = migrate || isSet("PLUMB_MIGRATE")
        server.crashLimit = try crashLimitOption.count
        if let problem = server.problem { throw ValidationError(problem) }
        return server
    }

    private func tlsFiles() throws -> TLSFiles? {
        let certificate: String? = tlsCert ?? ProcessEnvironment.value("PLUMB_TLS_CERT")
        let key: String? = tlsKey ?? ProcessEnvironment.value("PLUMB_TLS_KEY")
        switch (certificate, key) {
        case (nil, nil): return nil
        case (let certificate?, let key?): return TLSFiles(certificate: certificate, key: key)
        default: throw ValidationError("--tls-cert and --tls-key go together")
        }
    }

    private func isSet(_ variable: String) -> Bool {
        ["1", "true", "yes"].contains(ProcessEnvironment.value(variable)?.lowercased())
    }
}
