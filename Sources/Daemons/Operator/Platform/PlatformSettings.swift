import Glibc
package import PlatformClient
import Runtime

/// What `plumb up` was asked for.
package struct PlatformSettings: Hashable, Sendable {
    package var dataDirectory: DataDirectory
    /// Of the server; the proxy's is one above, the health and webhook port of gitops-sync two.
    package var port: UInt16
    /// Another repository than the local `config.git`.
    package var configRepositoryURL: String?
    /// Another PostgreSQL than the private one: a URL or a connection string, as role `plumbline`.
    package var databaseAddress: String?
    /// The same PostgreSQL as role `plumbline_proxy`; nil with another PostgreSQL means no proxy.
    package var proxyDatabaseAddress: String?
    /// The name that this host's samples get.
    package var host: String

    package init(
        dataDirectory: DataDirectory, port: UInt16 = 7700, configRepositoryURL: String? = nil,
        databaseAddress: String? = nil, proxyDatabaseAddress: String? = nil, host: String = Self.hostName
    ) {
        self.dataDirectory = dataDirectory
        self.port = port
        self.configRepositoryURL = configRepositoryURL
        self.databaseAddress = databaseAddress
        self.proxyDatabaseAddress = proxyDatabaseAddress
        self.host = host
    }

    package var proxyPort: UInt16 { port &+ 1 }
    package var syncPort: UInt16 { port &+ 2 }
    package var serverURL: String { "http://127.0.0.1:\(port)" }
    package var proxyURL: String { "http://127.0.0.1:\(proxyPort)" }
    package var hasProxy: Bool { databaseAddress == nil || proxyDatabaseAddress != nil }
    /// What gitops-sync fetches.
    package var repositoryURL: String { configRepositoryURL ?? "file://\(dataDirectory.configRepository)" }

    /// The machine's name up to its first dot.
    package static var hostName: String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
        let bytes: [UInt8] = buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
        let name: Substring? = String(decoding: bytes, as: UTF8.self).split(separator: ".").first
        return name.map(String.init) ?? "localhost"
    }
}
