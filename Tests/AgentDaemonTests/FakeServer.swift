import Compression
import ConfigAPI
import Declarations
import FrameFormat
import Glibc
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Runtime
import ServiceLifecycle
import Synchronization
import Telemetry
import WireFormats

/// A server with real HTTP that stores what it gets in memory, and misbehaves as told.
final class FakeServer: Sendable {
    /// What to do with one request of metrics.
    enum Answer: Sendable {
        case accept
        /// It is stored, but the answer says that it is not.
        case storeAndFail(Int)
        case refuse(Int, retryAfter: Int? = nil)
    }

    struct Point: Hashable, Sendable {
        var producer: String
        var series: String
        var milliseconds: Int
    }

    struct Request: Sendable {
        /// From 1.
        var number: Int
        var token: String
        var body: JSONValue
        var points: Int
        var receivedAt: ContinuousClock.Instant
    }

    private struct State {
        var config: AgentConfig?
        var statuses: [(status: AgentStatus, at: ContinuousClock.Instant)] = []
        var requests: [Request] = []
        var points: [Point: Double] = [:]
        var duplicates = 0
        var acceptedToken = "token-1"
        /// The one-time token that is taken, the secret that it became, and the tokens that were given for that.
        var enrolment: String?
        var secret: String?
        var issued: [(token: String, endsAt: ContinuousClock.Instant)] = []
        var refusals = 0
        var holdsTokens = false
        var heldTokens = 0
        /// Lists of series that were defined.
        var layouts: [LayoutHash: LayoutDefinition] = [:]
        /// Frames that others may be told from.
        var references: [UInt64: ReferenceFrame] = [:]
        /// Batches that were told from another frame.
        var referring = 0
        var isCompactKnown = true
        var sizes: [(bytes: Int, samples: Int)] = []
        var port = 0
        var offset = PromDuration.zero
        var configQuestions = 0
        var logs: [String: StoredStream] = [:]
        var logRequests = 0
        /// Questions that are held back are answered, so that the server can end.
        var isClosing = false
    }

    /// What is stored of one file.
    struct StoredStream: Sendable {
        var origin: LogOrigin
        var position = 0
        var lines: [LogLine] = []
    }

    /// What to do with one request of log lines.
    enum LogAnswer: Sendable {
        case accept
        /// It is stored, but the answer says that it is not.
        case storeAndFail
        case refuse(Int)
    }

    private let state = Mutex(State())
    private let logAnswer = Mutex<@Sendable (_ number: Int, LogRequest) -> LogAnswer>({ _, _ in .accept })
    private let answer: @Sendable (Request) -> Answer

    init(answer: @escaping @Sendable (Request) -> Answer = { _ in .accept }) { self.answer = answer }

    var url: String { "http://127.0.0.1:\(state.withLock { $0.port })" }
    var statuses: [AgentStatus] { state.withLock { $0.statuses.map(\.status) } }
    var requests: [Request] { state.withLock { $0.requests } }
    var duplicates: Int { state.withLock { $0.duplicates } }
    var configQuestions: Int { state.withLock { $0.configQuestions } }

    var issuedTokens: Int { state.withLock { $0.issued.count } }
    var refusals: Int { state.withLock { $0.refusals } }
    /// Takes this one-time token from now on, and no secret.
    func expectEnrolment(_ token: String) {
        state.withLock {
            $0.enrolment = token
            $0.secret = nil
            $0.issued = []
        }
    }

    /// Answers no request for a token from now on, until it ends.
    func holdTokens() { state.withLock { $0.holdsTokens = true } }
    /// Requests for a token that wait.
    var heldTokens: Int { state.withLock { $0.heldTokens } }

    /// Whether this server is of a version that takes the compact form.
    func knowCompactForm(_ isKnown: Bool) { state.withLock { $0.isCompactKnown = isKnown } }
    /// As after a restart.
    func forgetLayouts() { state.withLock { ($0.layouts, $0.references) = ([:], [:]) } }
    /// Batches that were told from another frame.
    var referring: Int { state.withLock { $0.referring } }
    /// Of each request in the compact form that was taken.
    var sizes: [(bytes: Int, samples: Int)] { state.withLock { $0.sizes } }

    func send(_ config: AgentConfig) { state.withLock { $0.config = config } }
    func accept(token: String) { state.withLock { $0.acceptedToken = token } }
    func setClock(ahead offset: PromDuration) { state.withLock { $0.offset = offset } }

    func answerLogs(_ answer: @escaping @Sendable (_ number: Int, LogRequest) -> LogAnswer) {
        logAnswer.withLock { $0 = answer }
    }
    var logStreams: [String: StoredStream] { state.withLock { $0.logs } }
    var logLines: [LogLine] { state.withLock { $0.logs.values.flatMap(\.lines) } }
    var logRequests: Int { state.withLock { $0.logRequests } }
    /// Stored messages, sorted.
    var messages: [String] { logLines.map(\.message).sorted() }

    /// The stored values of one series in order of time.
    func values(_ series: String, producer: String) -> [Double] {
        state.withLock { state in
            state.points.filter { $0.key.series == series && $0.key.producer == producer }
                .sorted { $0.key.milliseconds < $1.key.milliseconds }.map(\.value)
        }
    }

    func times(producer: String) -> [Int] {
        state.withLock { Set($0.points.keys.filter { $0.producer == producer }.map(\.milliseconds)).sorted() }
    }

    func series(producer: String) -> Set<String> {
        state.withLock { Set($0.points.keys.filter { $0.producer == producer }.map(\.series)) }
    }

    /// Serves while `body` runs; on the same port as before where it served already.
    func serving<Result: Sendable>(_ body: () async throws -> Result) async throws -> Result {
        let (ports, port) = AsyncStream<Int>.makeStream()
        let application = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: state.withLock { $0.port })),
            onServerRunning: { port.yield($0.localAddress?.port ?? 0) }, logger: quietLogger)
        let group = ServiceGroup(
            configuration: .init(services: [.init(service: application)], logger: quietLogger))
        state.withLock { $0.isClosing = false }
        return try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            for await number in ports {
                state.withLock { $0.port = number }
                break
            }
            do {
                let result: Result = try await body()
                try await close(group, &tasks)
                return result
            } catch {
                try? await close(group, &tasks)
                throw error
            }
        }
    }

    /// Shut down and not cancelled: Hummingbird traps when the task of an open connection is cancelled.
    private func close(_ group: ServiceGroup, _ tasks: inout ThrowingTaskGroup<Void, any Error>) async throws {
        state.withLock { $0.isClosing = true }
        await group.triggerGracefulShutdown()
        try await tasks.waitForAll()
    }

    private var router: Router<BasicRequestContext> {
        let router = Router()
        router.post("/api/v1/metrics") { request, _ in try await self.takeMetrics(request) }
        router.post("/api/v1/logs") { request, _ in try await self.takeLogs(request) }
        router.post("/v1/agent/status") { request, _ in try await self.takeStatus(request) }
        router.post("/v1/agent/enrol") { request, _ in try await self.enrol(request) }
        router.post("/v1/agent/token") { request, _ in try await self.giveToken(request) }
        router.get("/v1/agent/config") { request, _ in try await self.giveConfig(request) }
        return router
    }

    private func token(_ request: Hummingbird.Request) -> String {
        String((request.headers[.authorization] ?? "").dropFirst("Bearer ".count))
    }

    private func isAccepted(_ request: Hummingbird.Request) -> Bool {
        let token: String = token(request)
        return state.withLock { state in
            let isValid: Bool =
                state.acceptedToken == token || state.issued.contains { $0.token == token && $0.endsAt > .now }
            if !isValid { state.refusals += 1 }
            return isValid
        }
    }

    private func body(_ request: Hummingbird.Request) async throws -> JSONValue {
        let buffer = try await request.body.collect(upTo: 16 << 20)
        return try JSONValue(parsing: Array(buffer.readableBytesView))
    }

    private func takeMetrics(_ request: Hummingbird.Request) async throws -> Response {
        let json: JSONValue
        switch try await metrics(request) {
        case .success(let read): json = read
        case .failure(let refusal): return reply(refusal.status, refusal.body)
        }
        let points: [(Point, Double?)] = Self.points(json)
        let noted: Request = state.withLock { state in
            let noted = Request(
                number: state.requests.count + 1, token: token(request), body: json, points: points.count,
                receivedAt: .now)
            state.requests.append(noted)
            return noted
        }
        guard isAccepted(request) else { return reply(.unauthorized, ["error": "the token is not valid"]) }
        switch answer(noted) {
        case .accept:
            store(points)
            let serverTime: Timestamp = Timestamp.now() + state.withLock { $0.offset }
            return reply(.accepted, ["stored": .integer(points.count), "serverTime": .time(serverTime)])
        case .storeAndFail(let status):
            store(points)
            return reply(.init(code: status), ["error": "as told"])
        case .refuse(let status, let retryAfter):
            var response: Response = reply(.init(code: status), ["error": "as told"])
            if let retryAfter { response.headers[.retryAfter] = "\(retryAfter)" }
            return response
        }
    }

    private struct Refusal: Error {
        var status: HTTPResponse.Status
        var body: JSONValue
    }

    /// A request of metrics as JSON, also where it is in the compact form.
    private func metrics(_ request: Hummingbird.Request) async throws -> Result<JSONValue, Refusal> {
        guard request.headers[.contentType] == FrameFormat.contentType else { return .success(try await body(request)) }
        guard state.withLock({ $0.isCompactKnown }) else {
            return .failure(Refusal(status: .badRequest, body: ["error": "body: not JSON"]))
        }
        let buffer = try await request.body.collect(upTo: 16 << 20)
        var bytes: [UInt8] = Array(buffer.readableBytesView)
        let sent: Int = bytes.count
        if request.headers[.contentEncoding] == "zstd" { bytes = try Zstd.decompress(bytes, atMost: 32 << 20) }
        let read = try FrameRequest(bytes, sha256: Digests.sha256) { host, id in
            state.withLock { $0.references[id] }
        }
        return try state.withLock { state in
            state.layouts.merge(read.definitions) { old, _ in old }
            let unknown: Set<LayoutHash> = Set(read.batches.map(\.layout)).subtracting(state.layouts.keys)
            guard unknown.isEmpty, read.unknownReferences.isEmpty else {
                let hashes: [JSONValue] = unknown.map { .string($0.description) }
                let names: [JSONValue] = read.unknownReferences.map { .string(String($0, radix: 16)) }
                return .failure(
                    Refusal(
                        status: .conflict,
                        body: ["unknownLayouts": .array(hashes), "unknownReferences": .array(names)]))
            }
            for kept in read.batches.compactMap(\.kept) {
                state.references[kept.frame.id] = kept.frame
                if kept.before != nil { state.referring += 1 }
            }
            var batches: [FrameBatch] = []
            for batch in read.batches {
                let series: [Series] = try state.layouts[batch.layout]?.entries().compactMap(\.series) ?? []
                batches.append(
                    FrameBatch(
                        source: Source(host: read.host, producer: batch.producer), series: series,
                        frames: batch.table.frames))
            }
            state.sizes.append((sent, read.batches.reduce(0) { $0 + $1.table.sampleCount }))
            return .success(try JSONValue(parsing: NativeEncoder.metrics(host: read.host, batches: batches)))
        }
    }

    private func takeLogs(_ request: Hummingbird.Request) async throws -> Response {
        let json: JSONValue = try await body(request)
        guard isAccepted(request) else { return reply(.unauthorized, ["error": "the token is not valid"]) }
        let decoded = try LogRequest(parsing: json.canonical, now: .now())
        let number: Int = state.withLock {
            $0.logRequests += 1
            return $0.logRequests
        }
        let answer: LogAnswer = logAnswer.withLock { $0 }(number, decoded)
        if case .refuse(let status) = answer { return reply(.init(code: status), ["error": "as told"]) }
        let positions: [String: JSONValue] = state.withLock { state in
            var positions: [String: JSONValue] = [:]
            for batch in decoded.streams {
                var stream: StoredStream = state.logs[batch.stream] ?? StoredStream(origin: batch.origin)
                stream.origin = batch.origin
                let news = batch.news(after: stream.position)
                stream.lines += news.lines.compactMap(\.line)
                stream.position = news.position
                state.logs[batch.stream] = stream
                positions[batch.stream] = .integer(news.position)
            }
            return positions
        }
        if case .storeAndFail = answer { return reply(.serviceUnavailable, ["error": "as told"]) }
        return reply(
            .accepted, ["positions": .object(positions), "rejected": .integer(decoded.rejectedLines)])
    }

    private func store(_ points: [(Point, Double?)]) {
        state.withLock { state in
            for (point, value) in points {
                guard let value else { continue }
                if state.points.updateValue(value, forKey: point) != nil { state.duplicates += 1 }
            }
        }
    }

    private static func points(_ json: JSONValue) -> [(Point, Double?)] {
        var points: [(Point, Double?)] = []
        for batch in json["batches"]?.array ?? [] {
            let series: [String] = (batch["series"]?.array ?? []).map { item in
                let labels: [String: String] = (item["labels"]?.object ?? [:]).compactMapValues(\.string)
                return Series(item["name"]?.string ?? "", Labels(labels)).description
            }
            for frame in batch["frames"]?.array ?? [] {
                for (name, value) in zip(series, frame["values"]?.array ?? []) {
                    let point = Point(
                        producer: batch["producer"]?.string ?? "", series: name,
                        milliseconds: frame["time"]?.integer ?? 0)
                    points.append((point, value.string == "stale" ? .staleMarker : value.number))
                }
            }
        }
        return points
    }

    /// Enrolment is answered with an error the first time, though it was done: the agent has to ask again.
    private func enrol(_ request: Hummingbird.Request) async throws -> Response {
        let json: JSONValue = try await body(request)
        let isFirst: Bool? = state.withLock { state in
            guard json["enrolment"]?.string == state.enrolment, let secret = json["secret"]?.string else { return nil }
            if state.secret == nil {
                state.secret = secret
                return true
            }
            return state.secret == secret ? false : nil
        }
        switch isFirst {
        case nil: return reply(.unauthorized, ["error": "used"])
        case true?: return reply(.serviceUnavailable, ["error": "lost"])
        case false?: return issue(.created)
        }
    }

    private func giveToken(_ request: Hummingbird.Request) async throws -> Response {
        let json: JSONValue = try await body(request)
        if state.withLock({ $0.holdsTokens }) {
            state.withLock { $0.heldTokens += 1 }
            while !state.withLock({ $0.isClosing }) { try await Task.sleep(for: .milliseconds(10)) }
        }
        let isKnown: Bool = state.withLock { $0.secret != nil && json["secret"]?.string == $0.secret }
        return isKnown ? issue(.ok) : reply(.unauthorized, ["error": "not known"])
    }

    /// Tokens hold for 30 s of the agent's clock, which runs twenty times as fast.
    private func issue(_ status: HTTPResponse.Status) -> Response {
        let token: String = state.withLock { state in
            let token = "issued-\(state.issued.count + 1)"
            state.issued.append((token, .now + .milliseconds(1500)))
            return token
        }
        return reply(status, ["host": "web-1", "token": .string(token), "expiresInSeconds": 30])
    }

    private func takeStatus(_ request: Hummingbird.Request) async throws -> Response {
        let json: JSONValue = try await body(request)
        guard isAccepted(request) else { return reply(.unauthorized, ["error": "the token is not valid"]) }
        let status = try AgentStatus(json: json)
        state.withLock { $0.statuses.append((status, .now)) }
        return reply(.ok, [:])
    }

    private func giveConfig(_ request: Hummingbird.Request) async throws -> Response {
        state.withLock { $0.configQuestions += 1 }
        guard isAccepted(request) else { return reply(.unauthorized, ["error": "the token is not valid"]) }
        let tag: String? = request.headers[.ifNoneMatch]
        let deadline: ContinuousClock.Instant = .now + .seconds(5)
        while ContinuousClock.now < deadline, !state.withLock({ $0.isClosing }) {
            if let config = state.withLock({ $0.config }), config.entityTag != tag { return reply(.ok, config.json) }
            try await Task.sleep(for: .milliseconds(10))
        }
        return Response(status: .notModified)
    }

    private func reply(_ status: HTTPResponse.Status, _ json: JSONValue) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json"],
            body: .init(byteBuffer: ByteBuffer(bytes: json.canonical)))
    }
}

let quietLogger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
