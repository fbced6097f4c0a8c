import AsyncHTTPClient
import Compression
import ConfigAPIServer
import Database
import Declarations
import FrameFormat
import NIOCore
import NIOHTTP1
import Runtime
import ServerDaemon
import Telemetry
import TestSupport
import Testing

/// The compact form of `POST /api/v1/metrics`.
@Suite struct FrameIngestTests {
    private let time: Timestamp = .now()

    private func batch(_ producer: String, _ names: [String], _ rows: [[Double?]], host: String = "web") -> FrameBatch {
        FrameBatch(
            source: Source(host: host, producer: producer), series: names.map { Series($0) },
            frames: rows.enumerated().map { Frame(time: time + .seconds(Int64($0) - 60), values: $1) })
    }

    private func tick(_ number: Int) -> FrameBatch {
        FrameBatch(
            source: Source(host: "web", producer: "cpu"), series: [Series("a")],
            frames: [Frame(time: time + .seconds(Int64(number) - 60), values: [Double(number)])])
    }

    private func send(
        _ body: [UInt8], to server: RunningServer, host: String = "web", encoding: String? = nil
    ) async throws -> (status: Int, json: JSONValue) {
        var request = HTTPClientRequest(url: server.url + "/api/v1/metrics")
        request.method = .POST
        request.headers.add(name: "Authorization", value: "Bearer \(try await server.token([.ingest], host: host))")
        request.headers.add(name: "Content-Type", value: FrameFormat.contentType)
        if let encoding { request.headers.add(name: "Content-Encoding", value: encoding) }
        request.body = .bytes(ByteBuffer(bytes: body))
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
        let answer: ByteBuffer = try await response.body.collect(upTo: 1 << 20)
        return (Int(response.status.code), try JSONValue(parsing: Array(answer.readableBytesView)))
    }

    private func values(_ name: String, _ server: RunningServer) async throws -> [String] {
        let answer = try await server.send("GET", "/api/v1/query?query=\(name)[5m]", as: [.query])
        let samples = answer.json?["data"]?["result"]?.array?.first?["values"]?.array ?? []
        return samples.compactMap { $0.array?.last?.string }
    }

    // Shows F-SV-01, F-SV-05
    @Test func `frames are stored, compressed or not, and counted once however often they are sent`() async throws {
        try await RunningServer.with { server in
            var book = LayoutBook(sha256: Digests.sha256)
            let batches = [batch("cpu", ["a", "b"], [[1, 2], [3, nil]]), batch("disk", ["c"], [[0.25], [1e300]])]
            let request = book.request(host: "web", batches: batches)
            let first = try await send(request.body, to: server)
            #expect(first.status == 202)
            #expect(first.json["stored"] == 5)
            let again = try await send(Zstd.compress(request.body), to: server, encoding: "zstd")
            #expect(again.status == 202)
            #expect(again.json["duplicates"] == 5)
            #expect(try await values("a", server) == ["1", "3"])
            #expect(try await values("b", server) == ["2"])
            #expect(try await values("c", server) == ["0.25", "1e+300"])
        }
    }

    @Test func `a layout that the server does not know is asked for, and everything else is stored meanwhile`()
        async throws
    {
        try await RunningServer.with { server in
            var book = LayoutBook(sha256: Digests.sha256)
            let known = batch("cpu", ["a"], [[1]])
            book.delivered(book.request(host: "web", batches: [known, batch("disk", ["c"], [[7]])]))
            // As after a restart of the server: the sender takes both layouts for known.
            let both = [known, batch("disk", ["c"], [[7]])]
            let lost = try await send(book.request(host: "web", batches: both).body, to: server)
            #expect(lost.status == 409)
            #expect(lost.json["unknownLayouts"]?.array?.count == 2)
            #expect(lost.json["stored"] == 0)
            // One of them is defined by another request.
            var other = LayoutBook(sha256: Digests.sha256)
            _ = try await send(other.request(host: "web", batches: [batch("cpu", ["a"], [])]).body, to: server)
            let half = try await send(book.request(host: "web", batches: both).body, to: server)
            #expect(half.status == 409)
            #expect(half.json["stored"] == 1)
            book.forget((half.json["unknownLayouts"]?.array ?? []).compactMap(\.string))
            let whole = try await send(book.request(host: "web", batches: both).body, to: server)
            #expect(whole.status == 202)
            #expect(whole.json["stored"] == 1 && whole.json["duplicates"] == 1)
            #expect(try await values("a", server) == ["1"])
            #expect(try await values("c", server) == ["7"])
        }
    }

    @Test func `frames told from the one before are stored, and sent whole to a server that does not have it`()
        async throws
    {
        try await RunningServer.with { first in
            try await RunningServer.with({ $0.database = first.database.address.conninfo }) { second in
                var book = LayoutBook(refers: true, sha256: Digests.sha256)
                /// Sends one frame until it is taken; answers how often that was and whether frames were told from others.
                func tick(_ number: Int, to server: RunningServer) async throws -> (requests: Int, bytes: Int) {
                    let frame = FrameBatch(
                        source: Source(host: "web", producer: "cpu"), series: [Series("a"), Series("b")],
                        frames: [
                            Frame(
                                time: time + .seconds(Int64(number) - 60),
                                values: [Double(number), number == 3 ? nil : 0.5])
                        ])
                    for attempt in 1...3 {
                        let request = book.request(host: "web", batches: [frame])
                        let answer = try await send(request.body, to: server)
                        if answer.status == 202 {
                            #expect(answer.json["stored"]?.integer == (number == 3 ? 1 : 2))
                            #expect(answer.json["duplicates"] == 0)
                            book.delivered(request)
                            return (attempt, request.body.count)
                        }
                        #expect(answer.status == 409)
                        #expect(answer.json["stored"] == 0)
                        book.forget((answer.json["unknownLayouts"]?.array ?? []).compactMap(\.string))
                        book.forget(references: (answer.json["unknownReferences"]?.array ?? []).compactMap(\.string))
                    }
                    throw NotTaken()
                }
                let whole = try await tick(0, to: first)
                let told = try await tick(1, to: first)
                #expect(whole.requests == 1 && told.requests == 1)
                #expect(told.bytes < whole.bytes / 2)
                // Another server of the same store, as after a restart.
                #expect(try await tick(2, to: second).requests == 2)
                #expect(try await tick(3, to: second).requests == 1)
                #expect(try await tick(4, to: second).requests == 1)
                #expect(try await tick(5, to: first).requests == 2)
                #expect(try await values("a", first) == ["0", "1", "2", "3", "4", "5"])
                #expect(try await values("b", second) == ["0.5", "0.5", "0.5", "0.5", "0.5"])
            }
        }
    }

    private struct NotTaken: Error {}

    @Test func `where an answer is lost the next frame is told from the one before it`() async throws {
        try await RunningServer.with { server in
            var book = LayoutBook(refers: true, sha256: Digests.sha256)
            let first = book.request(host: "web", batches: [tick(0)])
            let answer = try await send(first.body, to: server)
            #expect(answer.status == 202)
            book.delivered(first)
            let lost = book.request(host: "web", batches: [tick(1)])
            #expect(try await send(lost.body, to: server).json["stored"] == 1)
            #expect(try await send(lost.body, to: server).json["duplicates"] == 1)
            let next = book.request(host: "web", batches: [tick(2)])
            #expect(try await send(next.body, to: server).json["stored"] == 1)
            #expect(try await send(lost.body, to: server).json["duplicates"] == 1)
            #expect(try await values("a", server) == ["0", "1", "2"])
        }
    }

    @Test func `one host's frames are no reference for another's`() async throws {
        try await RunningServer.with { server in
            var book = LayoutBook(refers: true, sha256: Digests.sha256)
            let first = book.request(host: "web", batches: [batch("cpu", ["a"], [[1]])])
            #expect(try await send(first.body, to: server).status == 202)
            book.delivered(first)
            let second = book.request(host: "web", batches: [batch("cpu", ["a"], [[2]])])
            // The same bytes with another name of the same length.
            let stolen: [UInt8] = Array(second.body[..<4]) + Array("db1".utf8) + second.body[7...]
            let answer = try await send(stolen, to: server, host: "db1")
            #expect(answer.status == 409)
            #expect(answer.json["unknownReferences"]?.array?.count == 1)
        }
    }

    // Shows W-A-03
    @Test func `what cannot be stored is refused item by item, in every request of the layout`() async throws {
        try await RunningServer.with { server in
            var book = LayoutBook(sha256: Digests.sha256)
            let long = String(repeating: "x", count: Limits.nameLength + 1)
            let bad = FrameBatch(
                source: Source(host: "web", producer: "cpu"),
                series: [Series("a"), Series("nul\u{0}"), Series("b", ["host": "db"]), Series(long)],
                frames: [
                    Frame(time: time, values: [1, 2, 3, nil]), Frame(time: time - .days(31), values: [1, 2, 3, 4]),
                ])
            for expected in ["stored", "duplicates"] {
                let request = book.request(host: "web", batches: [bad])
                let answer = try await send(request.body, to: server)
                #expect(answer.status == 202)
                #expect(answer.json[expected] == 2)
                // Two NULs, the long name's one value, and what the old frame holds besides them.
                #expect(answer.json["rejected"] == 5)
                #expect(
                    answer.json["errors"]?.array?.map { $0["path"] } == [
                        "/batches/0/series/1", "/batches/0/series/3", "/batches/0/frames/1",
                    ])
                book.delivered(request)
            }
            let answer = try await server.send("GET", "/api/v1/query?query=b", as: [.query])
            #expect(answer.json?["data"]?["result"]?.array?.first?["metric"]?["exported_host"] == "db")
        }
    }

    @Test func `the ends of series and NaNs arrive as what they are`() async throws {
        try await RunningServer.with { server in
            let odd = batch("cpu", ["a", "b", "c"], [[.staleMarker, .nan, -0.0]])
            let body = LayoutBook.selfContained(host: "web", batches: [odd], sha256: Digests.sha256)
            #expect(try await send(body, to: server).json["stored"] == 3)
            let row = try await server.database.superuser(
                "SELECT values::text AS held, stale::text AS stale FROM plumbline.frames"
            ).only()
            #expect(try row.string("held") == "{NULL,NaN,-0}")
            #expect(try row.string("stale") == "100")
        }
    }

    @Test func `a body that is not of the form is an error, and so is another host's`() async throws {
        try await RunningServer.with { server in
            let body = LayoutBook.selfContained(
                host: "web", batches: [batch("cpu", ["a"], [[1]])], sha256: Digests.sha256)
            let cut = try await send(Array(body.dropLast()), to: server)
            #expect(cut.status == 400)
            #expect(try await send(body, to: server, host: "db").status == 403)
            #expect(try await send(body, to: server, encoding: "zstd").status == 400)
            #expect(try await send(body, to: server, encoding: "gzip").status == 415)
            let zeros = Zstd.compress([UInt8](repeating: 0, count: Limits.plainBodyBytes + 1))
            #expect(try await send(zeros, to: server, encoding: "zstd").status == 413)
        }
    }
}
