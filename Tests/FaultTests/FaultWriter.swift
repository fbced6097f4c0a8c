import AsyncHTTPClient
import FrameFormat
import NIOCore
import NIOHTTP1
import Runtime
import Synchronization
import Telemetry

/// A client that sends numbered frames as fast as they are taken and keeps the account of them.
///
/// Frame `n` of a writer has the time `base + n ms`, and its series `s` the value `1000 n + s`: from what is stored it can
/// be told whether it is what was sent. A request without an answer is sent again until it is answered, or given up, as
/// the seed says; then it may be stored, as a whole, or not.
final class FaultWriter: Sendable {
    static let series = 100
    static let framesPerRequest = 50
    static var samplesPerRequest: Int { series * framesPerRequest }

    /// What became of a request.
    struct Request: Hashable, Sendable {
        /// Of its first frame.
        var first: Int
        var isAcknowledged: Bool
        /// How often it was sent without an answer.
        var lost: Int
    }

    private struct State {
        var next = 0
        var requests: [Request] = []
        var isStopping = false
        var random: Seeded
        var acknowledged = 0
    }

    let host: String
    let base: Timestamp
    private let url: String
    private let token: String
    private let state: Mutex<State>

    init(host: String, base: Timestamp, url: String, token: String, seed: UInt64) {
        self.host = host
        self.base = base
        self.url = url
        self.token = token
        state = Mutex(State(random: Seeded(seed)))
    }

    /// Acknowledged samples.
    var acknowledged: Int { state.withLock { $0.acknowledged * Self.samplesPerRequest } }
    var requests: [Request] { state.withLock { $0.requests } }

    /// Ends after the request in flight.
    func stop() { state.withLock { $0.isStopping = true } }

    /// Sends until ``stop()``.
    func run() async {
        state.withLock { $0.isStopping = false }
        while !state.withLock({ $0.isStopping }) {
            let first: Int = state.withLock { state in
                defer { state.next += Self.framesPerRequest }
                return state.next
            }
            let body: [UInt8] = body(from: first)
            var lost = 0
            var isAcknowledged = false
            while true {
                if await send(body) {
                    isAcknowledged = true
                    break
                }
                lost += 1
                // The first time a coin decides, later it is sent until it is taken: the server is away for a while.
                if lost == 1, state.withLock({ $0.random.next() % 2 == 0 }) { break }
                if state.withLock({ $0.isStopping }) { break }
                try? await Task.sleep(for: .milliseconds(20))
            }
            state.withLock { state in
                state.requests.append(Request(first: first, isAcknowledged: isAcknowledged, lost: lost))
                if isAcknowledged { state.acknowledged += 1 }
            }
        }
    }

    private func body(from first: Int) -> [UInt8] {
        let frames: [Frame] = (first..<first + Self.framesPerRequest).map { number in
            Frame(
                time: base + .milliseconds(Int64(number)),
                values: (0..<Self.series).map { Double(number * 1000 + $0) })
        }
        let batch = FrameBatch(source: Source(host: host, producer: "fault"), series: Self.list, frames: frames)
        return LayoutBook.selfContained(host: host, batches: [batch], sha256: { Digests.sha256($0) })
    }

    private static let list: [Series] = (0..<series).map { number in
        let text = "\(number)"
        return Series("fault_value", Labels(["s": String(repeating: "0", count: 3 - text.count) + text]))
    }

    private func send(_ body: [UInt8]) async -> Bool {
        var request = HTTPClientRequest(url: url + "/api/v1/metrics")
        request.method = .POST
        request.headers.add(name: "Authorization", value: "Bearer \(token)")
        request.headers.add(name: "Content-Type", value: FrameFormat.contentType)
        request.body = .bytes(ByteBuffer(bytes: body))
        do {
            let response: HTTPClientResponse = try await Self.client.execute(request, timeout: .seconds(20))
            _ = try await response.body.collect(upTo: 1 << 20)
            return response.status == .accepted
        } catch { return false }
    }

    private static let client = HTTPClient(eventLoopGroupProvider: .singleton)
}

/// SplitMix64: the same numbers for the same seed.
struct Seeded: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z: UInt64 = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
