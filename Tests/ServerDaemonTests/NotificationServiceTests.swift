import Alerting
import Crypto
import Database
import Declarations
import HTTPTypes
import Hummingbird
import Logging
import Runtime
import ServiceLifecycle
import StoreService
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import ServerDaemon

/// What one request to a receiver looked like, and how the receiver answers.
private struct Delivery: Sendable {
    var notifier: String
    var headers: HTTPFields
    var body: [UInt8]
    var at: ContinuousClock.Instant

    var key: String? { HTTPField.Name("Plumb-Delivery").flatMap { headers[$0] } }
    var signature: String? { HTTPField.Name("Plumb-Signature").flatMap { headers[$0] } }
}

private struct Answer: Sendable {
    var status: HTTPResponse.Status
    var headers: HTTPFields = [:]
    /// Answers only after so long, longer than any test.
    var hangs = false
}

/// The notification service against real receivers: each notifier is a path of one HTTP server.
private final class Delivering: Sendable {
    let database: TestDatabase
    let outbox: Outbox
    let secrets: TemporaryFolder
    let notifiers = Mutex<[String: NotifierSpec]?>([:])
    private let log = Mutex<[Delivery]>([])
    private let script: Mutex<[String: [Answer]]>

    private init(_ script: [String: [Answer]]) async throws {
        database = try await TestPostgres.database()
        outbox = Outbox(pool: database.pool)
        secrets = try TemporaryFolder()
        self.script = Mutex(script)
    }

    /// `script` holds the answers by notifier; after the last one, and without any, the answer is 200.
    static func with(_ script: [String: [Answer]], _ body: (Delivering) async throws -> Void) async throws {
        let world = try await Delivering(script)
        let logger: Logger = quietLogger
        let (ports, port) = AsyncStream<Int>.makeStream()
        let receivers = Application(
            router: world.router(), configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { port.yield($0.localAddress?.port ?? 0) }, logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await receivers.run() }
            let found: Int = try #require(await ports.first { _ in true })
            for name in script.keys {
                world.declare(name, NotifierSpec(type: .webhook, url: "http://127.0.0.1:\(found)/\(name)"))
            }
            try await body(world)
        }
    }

    func declare(_ name: String, _ spec: NotifierSpec?) {
        notifiers.withLock {
            var all: [String: NotifierSpec] = $0 ?? [:]
            all[name] = spec
            $0 = all
        }
    }

    private func router() -> Router<BasicRequestContext> {
        let router = Router()
        router.post(":name") { [self] request, context in
            let name: String = try context.parameters.require("name")
            let body = try await request.body.collect(upTo: 1 << 20)
            log.withLock {
                $0.append(
                    Delivery(
                        notifier: name, headers: request.headers, body: Array(body.readableBytesView), at: .now))
            }
            let answer: Answer = script.withLock { script in
                guard let next = script[name]?.first else { return Answer(status: .ok) }
                script[name]?.removeFirst()
                return next
            }
            if answer.hangs { try await Task.sleep(for: .seconds(600)) }
            return Response(status: answer.status, headers: answer.headers)
        }
        return router
    }

    func service(timeout: Int64 = 5000) -> NotificationService {
        var sender = WebhookSender(client: WebhookSender.client)
        sender.timeout = .milliseconds(timeout)
        return NotificationService(
            outbox: outbox, sender: sender,
            book: NotifierBook(
                notifiers: { self.notifiers.withLock { $0 } },
                form: { name in
                    self.notifiers.withLock { $0?[name]?.url }.map { ["url": .string($0)] }
                },
                decode: { form in NotifierSpec(type: .webhook, url: form["url"]?.string) },
                lastDelivery: { try await self.outbox.lastDelivery() }),
            secrets: Secrets(credentials: nil, folder: secrets.path), clock: ContinuousClock(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, tick: .milliseconds(20))
    }

    /// Runs the service while `body` runs.
    func running(timeout: Int64 = 5000, _ body: () async throws -> Void) async throws {
        let service: NotificationService = service(timeout: timeout)
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await service.run() }
            try await body()
        }
    }

    func post(_ key: String, to notifiers: [String], forms: [String: JSONValue] = [:]) async throws {
        try await database.declareRules(["cpu-high"])
        let leaders = LeaderStore(pool: database.pool)
        let leadership = try #require(try await leaders.lead("alerts", holder: "a", for: .minutes(5)))
        let notification = Notification(
            dedupeKey: key, event: .firing, rule: "cpu-high", severity: .critical, labels: ["host": "web"],
            annotations: ["summary": "hot"], value: 91.5, activeSince: Timestamp(milliseconds: 0),
            at: Timestamp(milliseconds: 60_000), provenance: nil)
        var addressed = AlertStore.Addressed(notification, notifiers: notifiers)
        addressed.forms = forms
        try await AlertStore(pool: database.pool).save(
            .init(rule: "cpu-high", instances: [], notifications: [addressed]), under: leadership)
    }

    func deliveries(to notifier: String) -> [Delivery] { log.withLock { $0.filter { $0.notifier == notifier } } }

    /// The delivery log's entry of a notifier, once its state is `state` or its error is there.
    func entry(_ notifier: String, _ isReached: (JSONValue) -> Bool) async throws -> JSONValue {
        let deadline: ContinuousClock.Instant = .now + .seconds(20)
        while true {
            let entry: JSONValue? = try await outbox.log(limit: 100).first { $0["notifier"]?.string == notifier }
            if let entry, isReached(entry) { return entry }
            try #require(ContinuousClock.now < deadline, "\(notifier): \(entry?.canonicalText ?? "no entry")")
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    func entry(_ notifier: String, state: String) async throws -> JSONValue {
        try await entry(notifier) { $0["state"]?.string == state }
    }
}

@Suite struct NotificationServiceTests {
    // Shows F-AL-06, W-A-17
    @Test func `a receiver that fails once is told again with the same key and body, and then no more`() async throws {
        try await Delivering.with(["ops": [Answer(status: .internalServerError)]]) { world in
            try await world.post("key-1", to: ["ops"])
            try await world.running {
                let entry: JSONValue = try await world.entry("ops", state: "delivered")
                #expect(entry["attempts"] == 2)
                #expect(entry["lastError"] == nil)
            }
            let deliveries: [Delivery] = world.deliveries(to: "ops")
            #expect(deliveries.map(\.key) == ["key-1", "key-1"])
            #expect(deliveries.first?.body == deliveries.last?.body)
            #expect(deliveries.allSatisfy { $0.headers[.contentType] == "application/json" && $0.signature == nil })
            let body = try JSONValue(parsing: try #require(deliveries.first?.body))
            #expect(body["version"] == 1)
            #expect(body["activeSince"] == "1970-01-01T00:00:00Z")
        }
    }

    // Shows F-AL-06
    @Test func `Retry-After is honoured`() async throws {
        let busy = Answer(status: .tooManyRequests, headers: [.retryAfter: "2"])
        try await Delivering.with(["ops": [busy]]) { world in
            try await world.post("key-1", to: ["ops"])
            try await world.running { _ = try await world.entry("ops", state: "delivered") }
            let times: [ContinuousClock.Instant] = world.deliveries(to: "ops").map(\.at)
            try #require(times.count == 2)
            #expect(times[1] - times[0] >= .milliseconds(1900))
        }
    }

    @Test(arguments: [HTTPResponse.Status.notFound, .movedPermanently, .unauthorized])
    func `a refusal ends the delivery with its reason`(status: HTTPResponse.Status) async throws {
        let refusal = Answer(status: status, headers: [.location: "/elsewhere"])
        try await Delivering.with(["ops": [refusal]]) { world in
            try await world.post("key-1", to: ["ops"])
            try await world.running {
                let entry: JSONValue = try await world.entry("ops", state: "dead")
                #expect(entry["lastError"]?.string == "answered \(status.code)")
            }
            #expect(world.deliveries(to: "ops").count == 1)
        }
    }

    // Shows F-AL-06
    @Test func `the signature is the HMAC of the body under the secret`() async throws {
        try await Delivering.with(["ops": []]) { world in
            try world.secrets.write("s3cret\n", to: "hook-key")
            world.notifiers.withLock { $0?["ops"]?.signingSecretRef = "hook-key" }
            try await world.post("key-1", to: ["ops"])
            try await world.running { _ = try await world.entry("ops", state: "delivered") }
            let delivery: Delivery = try #require(world.deliveries(to: "ops").first)
            let code = HMAC<SHA256>.authenticationCode(
                for: delivery.body, using: SymmetricKey(data: Array("s3cret".utf8)))
            #expect(delivery.signature == "sha256=" + hexadecimal(Array(code)))
        }
    }

    @Test func `a missing secret waits until it is there`() async throws {
        try await Delivering.with(["ops": []]) { world in
            let url: String = try #require(world.notifiers.withLock { $0?["ops"]?.url })
            world.declare("ops", NotifierSpec(type: .webhook, secretRef: "hook-url"))
            try await world.post("key-1", to: ["ops"])
            try await world.running {
                let waiting: JSONValue = try await world.entry("ops") { $0["lastError"] != nil }
                #expect(waiting["state"] == "waiting")
                #expect(waiting["lastError"]?.string?.contains("hook-url") == true)
                try world.secrets.write(url, to: "hook-url")
                _ = try await world.entry("ops", state: "delivered")
            }
            #expect(world.deliveries(to: "ops").count == 1)
        }
    }

    // Shows F-AL-10
    @Test func `a receiver that hangs holds up nobody else, neither now nor later`() async throws {
        let hanging: [Answer] = Array(repeating: Answer(status: .ok, hangs: true), count: 50)
        try await Delivering.with(["hung": hanging, "ops": []]) { world in
            for number in 1...40 { try await world.post("hung-\(number)", to: ["hung"]) }
            try await world.post("key-1", to: ["ops"])
            try await world.running(timeout: 60_000) {
                _ = try await world.entry("ops", state: "delivered")
                try await world.post("key-2", to: ["ops"])
                _ = try await world.entry("ops") {
                    $0["notification"]?["dedupeKey"] == "key-2" && $0["state"] == "delivered"
                }
            }
            #expect(world.deliveries(to: "ops").map(\.key) == ["key-1", "key-2"])
        }
    }

    @Test func `no answer in time is a failure that is tried again`() async throws {
        try await Delivering.with(["ops": [Answer(status: .ok, hangs: true)]]) { world in
            try await world.post("key-1", to: ["ops"])
            try await world.running(timeout: 200) {
                _ = try await world.entry("ops", state: "delivered")
            }
            #expect(world.deliveries(to: "ops").map(\.key) == ["key-1", "key-1"])
        }
    }

    // Shows F-AL-10
    @Test func `what a server claimed and did not deliver before it was killed is delivered later`() async throws {
        try await Delivering.with(["ops": []]) { world in
            try await world.post("key-1", to: ["ops"])
            #expect(try await world.outbox.claim(limit: 10, for: .milliseconds(500)).count == 1)
            try await world.running { _ = try await world.entry("ops", state: "delivered") }
            #expect(world.deliveries(to: "ops").map(\.key) == ["key-1"])
        }
    }

    // Shows F-AL-10
    @Test func `stopping finishes what is on its way`() async throws {
        try await Delivering.with(["ops": [Answer(status: .ok, hangs: true)]]) { world in
            try await world.post("key-1", to: ["ops"])
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            let group = ServiceGroup(
                configuration: ServiceGroupConfiguration(services: [world.service(timeout: 1000)], logger: logger))
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await group.run() }
                while world.deliveries(to: "ops").isEmpty { try await Task.sleep(for: .milliseconds(10)) }
                await group.triggerGracefulShutdown()
                try await tasks.waitForAll()
            }
            // The attempt came to its end, and its outcome was recorded.
            let entry: JSONValue = try #require(try await world.outbox.log(limit: 1).first)
            #expect(entry["lastError"]?.string?.hasPrefix("no answer") == true)
        }
    }

    @Test func `nothing is given up before a configuration is loaded; then what is not declared is`() async throws {
        try await Delivering.with(["ops": []]) { world in
            world.notifiers.withLock { $0 = nil }
            try await world.post("key-1", to: ["gone"])
            try await world.running {
                // Rounds pass meanwhile.
                try await Task.sleep(for: .milliseconds(200))
                #expect(try await world.outbox.log(limit: 1).first?["attempts"] == 0)
                world.notifiers.withLock { $0 = [:] }
                let entry: JSONValue = try await world.entry("gone", state: "dead")
                #expect(entry["lastError"] == "the notifier is not declared any more")
            }
        }
    }

    @Test func `the notifier that delivered last is remembered, and what is sent in its form needs no declaration`()
        async throws
    {
        try await Delivering.with(["ops": [], "pager": []]) { world in
            try await world.running {
                try await world.post("key-1", to: ["ops"])
                _ = try await world.entry("ops", state: "delivered")
                let last: Outbox.LastDelivery = try await answered("it is remembered") {
                    try await world.outbox.lastDelivery()
                }
                #expect(last.notifier == "ops")
                world.declare("ops", nil)
                try await world.post("key-2", to: [], forms: ["ops (as it last delivered)": last.form])
                _ = try await world.entry("ops (as it last delivered)", state: "delivered")
                #expect(world.deliveries(to: "ops").count == 2)
                #expect(try await world.outbox.lastDelivery() == last)
            }
        }
    }
}
