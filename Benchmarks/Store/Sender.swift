import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// Sends prepared requests with several clients, each one request at a time.
struct Sender: Sendable {
    var clients: Int

    /// A connection for each client: the shared client has eight.
    static let http: HTTPClient = {
        var configuration = HTTPClient.Configuration.singletonConfiguration
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 256
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    /// Latencies, samples and the time that all of it took.
    func send(_ requests: [PreparedRequest]) async throws -> Measurement {
        let clock = ContinuousClock()
        let start: ContinuousClock.Instant = clock.now
        var measurement: Measurement = try await withThrowingTaskGroup(of: Measurement.self) { group in
            for client in 0..<clients {
                let own: [PreparedRequest] = requests.filter { $0.host % clients == client }
                group.addTask { try await Self.sendInOrder(own) }
            }
            var sum = Measurement()
            for try await part in group { sum = sum + part }
            return sum
        }
        measurement.elapsed = clock.now - start
        return measurement
    }

    private static func sendInOrder(_ requests: [PreparedRequest]) async throws -> Measurement {
        let clock = ContinuousClock()
        var measurement = Measurement()
        for prepared in requests {
            var request = HTTPClientRequest(url: prepared.url)
            request.method = .POST
            for (name, value) in prepared.headers { request.headers.add(name: name, value: value) }
            request.body = .bytes(prepared.body)
            let start: ContinuousClock.Instant = clock.now
            let response: HTTPClientResponse = try await http.execute(request, timeout: .seconds(120))
            let answer: ByteBuffer = try await response.body.collect(upTo: 1 << 20)
            measurement.latencies.append(clock.now - start)
            guard (200..<300).contains(response.status.code) else {
                throw BenchError("\(prepared.url) answered \(response.status.code): \(String(buffer: answer))")
            }
            measurement.samples += prepared.samples
            measurement.bytes += prepared.body.readableBytes
        }
        return measurement
    }

    /// The body of a GET, and how long it took.
    static func get(_ url: String, token: String? = nil) async throws -> (body: ByteBuffer, took: Duration) {
        try await fetch(url, .GET, token)
    }

    static func post(_ url: String) async throws -> ByteBuffer { try await fetch(url, .POST, nil).body }

    private static func fetch(
        _ url: String, _ method: HTTPMethod, _ token: String?
    ) async throws -> (body: ByteBuffer, took: Duration) {
        let clock = ContinuousClock()
        var request = HTTPClientRequest(url: url)
        request.method = method
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        let start: ContinuousClock.Instant = clock.now
        let response: HTTPClientResponse = try await http.execute(request, timeout: .seconds(120))
        let body: ByteBuffer = try await response.body.collect(upTo: 64 << 20)
        guard (200..<300).contains(response.status.code) else {
            throw BenchError("\(url) answered \(response.status.code): \(String(buffer: body).prefix(500))")
        }
        return (body, clock.now - start)
    }
}
