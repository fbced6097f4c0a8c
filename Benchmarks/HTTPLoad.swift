import AsyncHTTPClient
import Declarations
import NIOCore
import NIOHTTP1
import Telemetry
import WireFormats

/// One host that sends frames, one request after the other.
///
/// The body is encoded once. Before each request the times in it are written over, so that every frame is new and the
/// client costs next to nothing.
struct HTTPLoad {
    let host: String
    let url: String
    let token: String
    let framesPerRequest: Int
    let seriesCount: Int
    private var body: [UInt8]
    private let timeOffsets: [Int]
    private var next: Int64

    /// Instants of 13 digits, a millisecond apart.
    static let digits = 13

    init(host: String, url: String, token: String, frames: Int, series: Int, start: Timestamp) throws {
        self.host = host
        self.url = url + "/api/v1/metrics"
        self.token = token
        framesPerRequest = frames
        seriesCount = series
        next = start.milliseconds
        let batch = FrameBatch(
            source: Source(host: host, producer: "bench"), series: Self.series(series),
            frames: (0..<frames).map { Frame(time: start, values: Self.values(series, frame: $0)) })
        body = NativeEncoder.metrics(host: host, batches: [batch])
        timeOffsets = Self.offsets(of: Array("\"time\":".utf8), in: body)
        guard timeOffsets.count == frames else { throw BenchError("the encoder wrote \(timeOffsets.count) times") }
    }

    /// As an agent's: a name for four, the others told apart by a label.
    static func series(_ count: Int) -> [Series] {
        (0..<count).map { Series("bench_metric_\($0 / 4)_total", ["device": "device\($0 % 4)", "mode": "active"]) }
    }

    /// Counters and gauges as they come: some with a fraction, none alike.
    static func values(_ count: Int, frame: Int) -> [Double?] {
        (0..<count).map { Double(($0 * 7919 + frame * 104_729) % 10_000_019) / ($0 % 3 == 0 ? 100 : 1) }
    }

    private static func offsets(of pattern: [UInt8], in bytes: [UInt8]) -> [Int] {
        var found: [Int] = []
        for start in 0..<max(0, bytes.count - pattern.count) where bytes[start] == pattern[0] {
            if bytes[start..<start + pattern.count].elementsEqual(pattern) { found.append(start + pattern.count) }
        }
        return found
    }

    private mutating func renewTimes() {
        for offset in timeOffsets {
            var rest: Int64 = next
            for place in stride(from: offset + Self.digits - 1, through: offset, by: -1) {
                body[place] = UInt8(ascii: "0") + UInt8(rest % 10)
                rest /= 10
            }
            next += 1
        }
    }

    /// Sends until `deadline`.
    mutating func run(until deadline: ContinuousClock.Instant) async throws -> Measurement {
        let clock = ContinuousClock()
        var measurement = Measurement()
        while clock.now < deadline {
            renewTimes()
            var request = HTTPClientRequest(url: url)
            request.method = .POST
            request.headers.add(name: "Authorization", value: "Bearer \(token)")
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: body))
            let start: ContinuousClock.Instant = clock.now
            let response: HTTPClientResponse = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
            let answer: ByteBuffer = try await response.body.collect(upTo: 1 << 20)
            measurement.latencies.append(clock.now - start)
            guard response.status == .accepted else {
                throw BenchError("\(host): ingest answered \(response.status.code): \(String(buffer: answer))")
            }
            measurement.frames += framesPerRequest
            measurement.samples += framesPerRequest * seriesCount
        }
        return measurement
    }
}
