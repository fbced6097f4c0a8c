@testable import AgentDaemon
import ConfigAPI
import Declarations
import Glibc
import HostSystem
import Runtime
import Synchronization
import Telemetry
import TestSupport
import Testing

/// A target that answers as told, byte by byte: real HTTP, and everything that can be wrong with it.
private final class Target: Sendable {
    private let answer = Mutex<@Sendable (Int32) -> Void>({ _ in })
    private let asked = Mutex<[String]>([])
    private let listener: Mutex<LocalListener?> = Mutex(nil)
    let port: Int

    init() throws {
        let holder = Holder()
        let listener = try LocalListener { connection in holder.target.withLock { $0 }?.serve(connection) }
        port = listener.port
        self.listener.withLock { $0 = listener }
        holder.target.withLock { $0 = self }
    }

    private final class Holder: Sendable {
        let target = Mutex<Target?>(nil)
    }

    var url: String { "http://127.0.0.1:\(port)/metrics" }
    /// The heads of the requests.
    var requests: [String] { asked.withLock { $0 } }

    private func serve(_ connection: Int32) {
        var head: [UInt8] = []
        var byte: UInt8 = 0
        while !head.suffix(4).elementsEqual("\r\n\r\n".utf8), read(connection, &byte, 1) == 1 { head.append(byte) }
        asked.withLock { $0.append(String(decoding: head, as: UTF8.self)) }
        answer.withLock { $0 }(connection)
    }

    static func put(_ bytes: [UInt8], _ connection: Int32) {
        var rest: ArraySlice<UInt8> = bytes[...]
        while !rest.isEmpty {
            let sent: Int = rest.withUnsafeBytes {
                send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard sent > 0 else { return }
            rest = rest.dropFirst(sent)
        }
    }

    func respond(_ raw: @escaping @Sendable (Int32) -> Void) { answer.withLock { $0 = raw } }

    func respond(
        _ body: [UInt8], status: String = "200 OK", type: String = "text/plain; version=0.0.4", headers: String = "",
        length: Int? = nil
    ) {
        let head =
            "HTTP/1.1 \(status)\r\nContent-Type: \(type)\r\nContent-Length: \(length ?? body.count)\r\nConnection: close\r\n\(headers)\r\n"
        respond { Target.put(Array(head.utf8) + body, $0) }
    }

    func respond(_ text: String, type: String = "text/plain; version=0.0.4") { respond(Array(text.utf8), type: type) }
}

/// A ScrapeTarget as the server sends it.
func scrapeTarget(_ name: String, _ url: String, _ more: [String: JSONValue] = [:]) -> AgentConfig.Item {
    let spec: [String: JSONValue] = ["url": .string(url), "interval": "1s", "timeout": "500ms"]
        .merging(more) { _, own in own }
    let decoder = ResourceDecoder(sha256: Digests.sha256)
    guard case .success(let decoded) = decoder.resource(kind: .scrapeTarget, name: name, spec: .object(spec)) else {
        preconditionFailure("a test's scrape target has to be valid")
    }
    return AgentConfig.Item(
        kind: "ScrapeTarget", name: name, spec: decoded.resource.spec, digest: decoded.resource.digest)
}

@Suite struct ScrapeTests {
    private func labels(_ target: Target, job: String = "app", _ more: String = "") -> String {
        "{\(more)instance=\"127.0.0.1:\(target.port)\",job=\"\(job)\"}"
    }

    @Test func aTargetsSeriesArriveWithItsLabelsAndWhatTheScrapeWasLike() async throws {
        let target = try Target()
        target.respond("# TYPE hits counter\nhits{code=\"200\"} 7\nhits{job=\"own\"} 1\ntemperature -2.5\n")
        try await withServer(clock: ContinuousClock()) { server, harness in
            server.send(config(1, [scrapeTarget("app", target.url)]))
            try await harness.running {
                try await eventually("samples") {
                    server.values("temperature\(labels(target))", producer: "scrape/app").contains(-2.5)
                }
                #expect(
                    server.series(producer: "scrape/app") == [
                        "hits{code=\"200\",instance=\"127.0.0.1:\(target.port)\",job=\"app\"}",
                        "hits{exported_job=\"own\",instance=\"127.0.0.1:\(target.port)\",job=\"app\"}",
                        "temperature\(labels(target))", "up\(labels(target))",
                        "scrape_duration_seconds\(labels(target))", "scrape_samples_scraped\(labels(target))",
                        "scrape_samples_post_metric_relabeling\(labels(target))",
                        "scrape_lines_rejected\(labels(target))",
                    ])
                #expect(server.values("up\(labels(target))", producer: "scrape/app").first == 1)
                #expect(server.values("scrape_samples_scraped\(labels(target))", producer: "scrape/app").first == 3)
                try await eventually("a status") {
                    server.statuses.last?.running.resources.first.map { $0.state == .running && $0.error == nil }
                        ?? false
                }
            }
            let head: String = target.requests.first ?? ""
            #expect(head.hasPrefix("GET /metrics HTTP/1.1\r\n"))
            #expect(head.lowercased().contains("\r\naccept-encoding: "))
            #expect(head.contains("X-Prometheus-Scrape-Timeout-Seconds: 0.5"))
        }
    }

    @Test func compressedAndOpenMetricsAnswersAreRead() async throws {
        let target = try Target()
        // printf 'zipped 42\n# EOF\n' | gzip -n | od -An -tx1
        let zipped: [UInt8] = [
            0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0xab, 0xca, 0x2c, 0x28, 0x48, 0x4d, 0x51, 0x30,
            0x31,
            0xe2, 0x52, 0x56, 0x70, 0xf5, 0x77, 0xe3, 0x02, 0x00, 0x3c, 0x83, 0x5e, 0x7d, 0x10, 0x00, 0x00, 0x00,
        ]
        target.respond(
            zipped, type: "application/openmetrics-text; version=1.0.0; charset=utf-8",
            headers: "Content-Encoding: gzip\r\n")
        try await withServer(clock: ContinuousClock()) { server, harness in
            server.send(config(1, [scrapeTarget("app", target.url)]))
            try await harness.running {
                try await eventually("samples") {
                    server.values("zipped\(labels(target))", producer: "scrape/app").contains(42)
                }
            }
        }
    }

    @Test func aSeriesThatIsNotExposedAnyMoreEndsAndSoDoAllWhenTheTargetIsGone() async throws {
        let target = try Target()
        target.respond("a 1\nb 2\n")
        try await withServer(clock: ContinuousClock()) { server, harness in
            server.send(config(1, [scrapeTarget("app", target.url)]))
            try await harness.running {
                try await eventually("samples") {
                    !server.values("b\(labels(target))", producer: "scrape/app").isEmpty
                }
                target.respond("a 1\n")
                try await eventually("the end of b") {
                    server.values("b\(labels(target))", producer: "scrape/app").last?.isStaleMarker ?? false
                }
                #expect(server.values("a\(labels(target))", producer: "scrape/app").last == 1)
                target.respond(Array("broken".utf8), status: "500 Internal Server Error")
                try await eventually("the end of a") {
                    server.values("a\(labels(target))", producer: "scrape/app").last?.isStaleMarker ?? false
                }
                try await eventually("the target is down") {
                    server.values("up\(labels(target))", producer: "scrape/app").last == 0
                }
                // An end is said once.
                #expect(server.values("b\(labels(target))", producer: "scrape/app").count { $0.isStaleMarker } == 1)
                try await eventually("a status") {
                    server.statuses.last?.running.resources.first.map {
                        $0.state == .failing && $0.error == "status 500 Internal Server Error"
                    } ?? false
                }
                // The declaration goes: what the scrape says of itself ends too.
                server.send(config(2, []))
                try await eventually("the end of up") {
                    server.values("up\(labels(target))", producer: "scrape/app").last?.isStaleMarker ?? false
                }
            }
        }
    }

    @Test func anAgentThatStopsDoesNotSayThatItsTargetsEnded() async throws {
        let target = try Target()
        target.respond("a 1\n")
        try await withServer(clock: ContinuousClock()) { server, harness in
            server.send(config(1, [scrapeTarget("app", target.url)]))
            try await harness.running {
                try await eventually("samples") {
                    !server.values("a\(labels(target))", producer: "scrape/app").isEmpty
                }
            }
            #expect(!server.values("a\(labels(target))", producer: "scrape/app").contains { $0.isStaleMarker })
        }
    }

    struct Misbehaviour: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var error: String
        var answer: @Sendable (Int32) -> Void
    }

    private static func raw(_ head: String, _ body: [UInt8]) -> @Sendable (Int32) -> Void {
        { Target.put(Array((head + "\r\n").utf8) + body, $0) }
    }

    static let misbehaviours = [
        Misbehaviour(testDescription: "no answer", error: "no answer within 500ms") { _ in usleep(1_500_000) },
        Misbehaviour(testDescription: "an answer in drops", error: "no answer within 500ms") { connection in
            Target.put(Array("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n".utf8), connection)
            for _ in 1...15 {
                Target.put(Array("a".utf8), connection)
                usleep(100_000)
            }
        },
        Misbehaviour(
            testDescription: "too long", error: "the answer is longer than 4096 bytes, which is the target's bodyLimit",
            answer: raw(
                "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n", [UInt8](repeating: UInt8(ascii: "a"), count: 100_000))),
        Misbehaviour(
            testDescription: "too many series",
            error: "more than 20 series after relabelling, which is the target's sampleLimit",
            answer: {
                let body: [UInt8] = Array((1...21).map { "m\($0) 1\n" }.joined().utf8)
                return raw("HTTP/1.1 200 OK\r\nContent-Length: \(body.count)\r\n", body)
            }()),
        Misbehaviour(
            testDescription: "no gzip", error: "",
            answer: raw(
                "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 8\r\n", Array("no gzip!".utf8))),
        Misbehaviour(
            testDescription: "cut off", error: "",
            answer: raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n", Array("good 1\n".utf8))),
        Misbehaviour(
            testDescription: "OpenMetrics without its end",
            error: "the text is cut off: it does not end with # EOF",
            answer: raw(
                "HTTP/1.1 200 OK\r\nContent-Type: application/openmetrics-text\r\nContent-Length: 7\r\n",
                Array("good 1\n".utf8))),
        Misbehaviour(
            testDescription: "a web page", error: "no line of the answer is one of metrics",
            answer: raw("HTTP/1.1 200 OK\r\nContent-Length: 15\r\n", Array("<html>\n</html>\n".utf8))),
        Misbehaviour(testDescription: "no HTTP", error: "", answer: raw("Hello", [])),
        Misbehaviour(
            testDescription: "not found", error: "status 404 Not Found",
            answer: raw("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n", [])),
    ]

    @Test(arguments: misbehaviours)
    func aTargetThatMisbehavesIsDownSaysWhyAndHoldsUpNobody(misbehaviour: Misbehaviour) async throws {
        let target = try Target()
        let good = try Target()
        target.respond(misbehaviour.answer)
        good.respond("fine 1\n")
        try await withServer(clock: ContinuousClock()) { server, harness in
            server.send(
                config(
                    1,
                    [
                        scrapeTarget("app", target.url, ["bodyLimit": 4096, "sampleLimit": 20]),
                        scrapeTarget("good", good.url), collector("load", "load", every: "1s"),
                    ]))
            try await harness.running {
                try await eventually("it is down") {
                    server.values("up\(labels(target))", producer: "scrape/app").last == 0
                }
                try await eventually("why") {
                    server.statuses.last?.running.resources.contains { item in
                        item.name == "app" && item.state == .failing
                            && (misbehaviour.error.isEmpty ? item.error != nil : item.error == misbehaviour.error)
                    } ?? false
                }
                try await eventually("the others") {
                    server.values("fine\(labels(good, job: "good"))", producer: "scrape/good").count >= 2
                        && server.times(producer: "load").count >= 2
                }
                // Nothing of half a page is told.
                #expect(server.series(producer: "scrape/app").count == 5)
                // And it comes back.
                target.respond("back 1\n")
                try await eventually("it is up again") {
                    server.values("up\(labels(target))", producer: "scrape/app").last == 1
                }
            }
        }
    }

    @Test func aChangeIsObeyedAtOnceAndRulesDecideWhatIsKept() async throws {
        let target = try Target()
        target.respond("keep_me{le=\"1\"} 1\ndrop_me 2\nbad{ 3\n")
        try await withServer(clock: ContinuousClock()) { server, harness in
            server.send(config(1, [scrapeTarget("app", target.url, ["interval": "1h"])]))
            try await harness.running {
                try await eventually("samples") {
                    !server.values("drop_me\(labels(target))", producer: "scrape/app").isEmpty
                }
                try await eventually("a remark on the line that is none") {
                    server.statuses.last?.running.resources.first.map {
                        $0.state == .running && $0.error == "line 3: the labels have no end, left out"
                    } ?? false
                }
                server.send(
                    config(
                        2,
                        [
                            scrapeTarget(
                                "app", target.url,
                                [
                                    "interval": "1h", "labels": ["team": "a"],
                                    "relabel": [
                                        ["action": "drop", "sourceLabels": ["__name__"], "regex": "drop_.*"],
                                        ["action": "labeldrop", "regex": "le"],
                                    ],
                                ])
                        ]))
                let kept = "keep_me{instance=\"127.0.0.1:\(target.port)\",job=\"app\",team=\"a\"}"
                try await eventually("samples under the new rules") {
                    server.values(kept, producer: "scrape/app") == [1]
                }
                let relabelled =
                    "scrape_samples_post_metric_relabeling{instance=\"127.0.0.1:\(target.port)\",job=\"app\",team=\"a\"}"
                #expect(server.values(relabelled, producer: "scrape/app") == [1])
                // What had other labels has ended.
                try await eventually("the end of the old series") {
                    server.values("drop_me\(labels(target))", producer: "scrape/app").last?.isStaleMarker ?? false
                }
            }
        }
    }
}
