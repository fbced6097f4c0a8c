import AsyncHTTPClient
import ConfigAPIServer
import Database
import Declarations
import NIOCore
import NIOHTTP1
import NIOSSL
import Runtime
import ServerDaemon
import StoreService
import TestSupport
import Testing

@Suite struct TLSTests {
    // Shows W-A-22
    @Test func withACertificateTheServerSpeaksTLSAndItsCookieIsForTLSOnly() async throws {
        let folder = try TemporaryFolder()
        let made: TestCertificate = try await .make(in: folder)
        let files = TLSFiles(certificate: made.certificate, key: made.key)
        let client: HTTPClient = try Self.clientThatTrustsOnly(files.certificate)
        try await RunningServer.with({ $0.tls = files }) { server in
            let url: String = server.url.replacing("http://", with: "https://")
            let alive = try await client.execute(HTTPClientRequest(url: url + "/healthz"), timeout: .seconds(10))
            #expect(alive.status == .ok)
            let path: String = try await Self.makeLoginLink(server, url, client)
            let login = try await client.execute(HTTPClientRequest(url: url + path), timeout: .seconds(10))
            #expect(login.headers.first(name: "set-cookie")?.contains("; Secure") == true)
            // Who speaks in clear gets nothing.
            await #expect(throws: (any Error).self) { try await server.send("GET", "/healthz") }
        }
        try await client.shutdown()
    }

    private static func makeLoginLink(
        _ server: RunningServer, _ url: String, _ client: HTTPClient
    ) async throws -> String {
        var request = HTTPClientRequest(url: url + "/api/v1/login-links")
        request.method = .POST
        request.headers.add(name: "Authorization", value: "Bearer \(try await server.token([.admin]))")
        let answer: HTTPClientResponse = try await client.execute(request, timeout: .seconds(10))
        let body: ByteBuffer = try await answer.body.collect(upTo: 1 << 16)
        return try #require(JSONValue(parsing: Array(body.readableBytesView))["path"]?.string)
    }

    private static func clientThatTrustsOnly(_ certificate: String) throws -> HTTPClient {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = .file(certificate)
        return HTTPClient(
            eventLoopGroupProvider: .singleton,
            configuration: .init(tlsConfiguration: tls, redirectConfiguration: .disallow))
    }
}
