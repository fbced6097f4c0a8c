package import Hummingbird
import HummingbirdCore
import HummingbirdTLS
package import Logging
import NIOCore
package import Runtime
package import ServiceLifecycle

/// PEM files; both or none.
package struct TLSFiles: Hashable, Sendable {
    package var certificate: String
    package var key: String

    package init(certificate: String, key: String) {
        self.certificate = certificate
        self.key = key
    }
}

/// How a daemon is reached.
package struct WebService: Sendable {
    package var listen: ListenAddress
    package var tls: TLSFiles?
    /// Gets the port that was taken, once the daemon answers.
    package var portFile: String?
    package var logger: Logger

    package init(listen: ListenAddress, tls: TLSFiles?, portFile: String?, logger: Logger) {
        self.listen = listen
        self.tls = tls
        self.portFile = portFile
        self.logger = logger
    }

    /// The service that serves `router`. `whenListening` gets the port that was taken.
    package func application(
        _ router: Router<ServerContext>, whenListening: @escaping @Sendable (Int) -> Void
    ) throws -> any Service {
        let server: HTTPServerBuilder = try tls.map { try Self.tls($0) } ?? .http1()
        return Application(
            router: router, server: server,
            configuration: ApplicationConfiguration(
                address: .hostname(listen.host, port: listen.port), backlog: 1024),
            onServerRunning: { [logger, portFile] channel in
                let port: Int = channel.localAddress?.port ?? 0
                logger.notice(
                    "listening", metadata: .of([.address: channel.localAddress?.ipAddress ?? "-", .port: port]))
                do {
                    if let portFile { try Files.write("\(port)\n".utf8, to: portFile) }
                } catch { logger.error("cannot write the port file", metadata: .of([.error: error])) }
                ServiceManager().tellReady()
                whenListening(port)
            },
            logger: logger)
    }

    private static func tls(_ files: TLSFiles) throws -> HTTPServerBuilder {
        let chain: [NIOSSLCertificate] = try NIOSSLCertificate.fromPEMFile(files.certificate)
        let key = try NIOSSLPrivateKey(file: files.key, format: .pem)
        return try .tls(
            tlsConfiguration: .makeServerConfiguration(
                certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key)))
    }
}
