package import ArgumentParser
import Logging
import Runtime
import StoreService
import Telemetry

/// The entry of the executable, which holds nothing itself.
package enum ProxyProgram {
    package static func main() async { await ProxyCommand.main() }
}

/// `plumb-proxy`.
package struct ProxyCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "plumb-proxy",
        abstract: "The proxy of Plumbline: takes events, and makes events out of documents that wait elsewhere.",
        version: RuntimeVersion.current,
        subcommands: [RunCommand.self, TriggerCommand.self, TokenCommand.self, RotateKeysCommand.self])

    package init() {}
}

/// `plumb-proxy run`: the daemon.
///
/// A flag goes before its environment variable, which goes before the default.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "run", abstract: "Run the proxy until SIGTERM.")

    @OptionGroup var databaseOption: DatabaseOption
    @OptionGroup var keysOption: KeysOption
    @Option(help: "HOST:PORT to listen on; port 0 takes a free one. PLUMB_LISTEN. Default 127.0.0.1:7701.")
    var listen: String?
    @Option(help: "A file that gets the port once the proxy answers. PLUMB_PORT_FILE.")
    var portFile: String?
    @Option(help: "The certificate chain, PEM. PLUMB_TLS_CERT.")
    var tlsCert: String?
    @Option(help: "The certificate's key, PEM. PLUMB_TLS_KEY.")
    var tlsKey: String?
    @Flag(help: "Listen on other addresses than loopback without TLS. PLUMB_INSECURE=1.")
    var insecure = false
    @Option(help: "Where uriRef is looked up, after systemd's credentials. PLUMB_SECRETS_DIR.")
    var secretsDir: String?
    @Option(help: "Connections to the database, 1 to 100. PLUMB_POOL_SIZE. Default 8.")
    var poolSize: Int?
    @OptionGroup var crashLimitOption: CrashLimitOption

    func run() async throws {
        let logger: Logger = LogSetup(service: "plumb-proxy").bootstrap()
        try await Proxy(try proxyConfiguration(), logger: logger).run()
    }

    private func proxyConfiguration() throws -> ProxyConfiguration {
        var proxy = ProxyConfiguration(database: try databaseOption.conninfo, keysFile: try keysOption.file)
        if let text = listen ?? ProcessEnvironment.value("PLUMB_LISTEN") {
            guard let address = ListenAddress(text) else {
                throw ValidationError("--listen: expected HOST:PORT such as 127.0.0.1:7701, got \"\(text)\"")
            }
            proxy.listen = address
        }
        proxy.portFile = portFile ?? ProcessEnvironment.value("PLUMB_PORT_FILE")
        switch (
            tlsCert ?? ProcessEnvironment.value("PLUMB_TLS_CERT"), tlsKey ?? ProcessEnvironment.value("PLUMB_TLS_KEY")
        )
        {
        case (nil, nil): proxy.tls = nil
        case (let certificate?, let key?): proxy.tls = TLSFiles(certificate: certificate, key: key)
        default: throw ValidationError("--tls-cert and --tls-key go together")
        }
        let isInsecure: Bool = ["1", "true", "yes"].contains(ProcessEnvironment.value("PLUMB_INSECURE")?.lowercased())
        proxy.isInsecureAllowed = insecure || isInsecure
        proxy.secretsFolder = secretsDir ?? ProcessEnvironment.value("PLUMB_SECRETS_DIR")
        if let size = poolSize ?? ProcessEnvironment.value("PLUMB_POOL_SIZE").flatMap({ Int($0) }) {
            proxy.poolSize = size
        }
        proxy.crashLimit = try crashLimitOption.count
        if let problem = proxy.problem { throw ValidationError(problem) }
        return proxy
    }
}
