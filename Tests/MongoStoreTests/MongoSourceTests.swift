import Declarations
import Glibc
import MongoDouble
import Pipelines
import Runtime
import Telemetry
import TestSupport
import Testing

@testable import MongoStore

#if MongoDB

    /// A double with a collection, and a source that reads it.
    private struct World {
        let double: MongoDouble
        static let namespace = "reading.articles"

        init(_ documents: [BSONDocument] = []) throws {
            double = try MongoDouble()
            double.insert(documents, into: Self.namespace)
        }

        func source(
            _ adjust: (inout PipelineSpec.MongoDB) -> Void = { _ in }, user: String = "", options: String = "",
            timeouts: MongoTimeouts = MongoTimeouts()
        ) throws -> MongoSource {
            var spec = PipelineSpec.MongoDB(database: "reading", collection: "articles")
            adjust(&spec)
            let uri = "mongodb://\(user)127.0.0.1:\(double.port)/\(options)"
            return try MongoSource(uri: uri, spec: spec, timeouts: timeouts)
        }

        func status(_ id: BSON) -> BSON? {
            double.documents(in: Self.namespace).first { $0["_id"] == id }?["status"]
        }

        /// Reads and acknowledges until nothing waits, as the proxy does; gives the pages' ids.
        func drain(_ source: MongoSource, limit: Int) async throws -> [[String]] {
            var pages: [[String]] = []
            var position: String?
            while true {
                let page: SourcePage = try await source.page(after: position, limit: limit)
                guard !page.documents.isEmpty else { return pages }
                pages.append(page.documents.map(\.id.key))
                position = page.position
                _ = try await source.acknowledge(page.documents.map(\.id))
            }
        }
    }

    private func waiting(_ number: Int, _ members: [(String, BSON)] = []) -> BSONDocument {
        BSONDocument([("_id", .objectID(numbered: number)), ("status", "ingested")] + members)
    }

    /// The error that `body` ends with.
    private func failure(_ body: () async throws -> Void) async throws -> SourceError {
        do { try await body() } catch { return try #require(error as? SourceError) }
        throw TestSupportError("nothing went wrong")
    }

    @Suite struct MongoSourceTests {
        // Shows F-ET-02, F-ET-03, W-B-08
        @Test func readsInOrderPageByPageUntilNothingWaits() async throws {
            let world = try World((0..<250).shuffled().map { waiting($0) })
            let source: MongoSource = try world.source()
            let pages: [[String]] = try await world.drain(source, limit: 100)
            #expect(pages.map(\.count) == [100, 100, 50])
            #expect(pages.flatMap { $0 } == (0..<250).map { DocumentID(bson: $0).key })
            #expect(world.double.documents(in: World.namespace).allSatisfy { $0["status"] == "processed" })
            #expect(world.double.served(from: World.namespace).values.allSatisfy { $0 == 1 })
            #expect(world.double.updated(in: World.namespace).values.allSatisfy { $0 == 1 })
            await source.close()
        }

        // Shows F-ET-03
        @Test func whatDoesNotWaitIsNotRead() async throws {
            var processed: BSONDocument = waiting(2)
            processed["status"] = "processed"
            var absent: BSONDocument = waiting(3)
            absent["status"] = nil
            var other: BSONDocument = waiting(4)
            other["status"] = .int32(1)
            let world = try World([waiting(1), processed, absent, other])
            #expect(try await world.drain(world.source(), limit: 10) == [[DocumentID(bson: 1).key]])
            // Unless the spec says that a document without status waits.
            let both: MongoSource = try world.source { $0.missingIsPending = true }
            #expect(try await world.drain(both, limit: 10) == [[DocumentID(bson: 3).key]])
            #expect(world.status(.objectID(numbered: 3)) == "processed")
            #expect(world.status(.objectID(numbered: 4)) == .int32(1))
        }

        // Shows F-ET-06
        @Test func exactlyWhatIsAcknowledgedAndStillWaitsIsMarked() async throws {
            let world = try World((0..<4).map { waiting($0, [("workflow", ["status": "ingested"])]) })
            let source: MongoSource = try world.source { $0.statusField = "workflow.status" }
            let page: SourcePage = try await source.page(after: nil, limit: 10)
            #expect(page.documents.count == 4)
            // Somebody else decides about one of them meanwhile.
            let other: MongoSource = try world.source {
                $0.statusField = "workflow.status"
                $0.processed = "withdrawn"
            }
            #expect(try await other.acknowledge([page.documents[1].id]) == 1)
            #expect(try await source.acknowledge(page.documents.prefix(3).map(\.id)) == 2)
            let statuses: [BSON?] = world.double.documents(in: World.namespace).map { $0[path: "workflow.status"] }
            #expect(statuses == ["processed", "withdrawn", "processed", "ingested"])
            // Again is no error.
            #expect(try await source.acknowledge(page.documents.prefix(3).map(\.id)) == 0)
        }

        // Shows W-B-11
        @Test func everyTypeArrivesThroughTheLibrary() async throws {
            let world = try World([
                waiting(1, valueOfEachType), waiting(2, [("text", .rawString([0x41, 0xFF, 0x00]))]),
            ])
            let page: SourcePage = try await world.source().page(after: nil, limit: 10)
            let expected = try DocumentValue(bson: waiting(1, valueOfEachType).bytes)
            #expect(page.documents.first?.body == .value(expected))
            guard case .value(let second)? = page.documents.last?.body else { throw TestSupportError("unreadable") }
            #expect(second[pointer: "/text"] == .string("A\u{FFFD}\u{0}"))
        }

        @Test func aDocumentThatIsNoBSONStopsNoOther() async throws {
            let broken: BSONDocument = waiting(2, [("bad", .malformed(type: 0x55, [1, 2, 3]))])
            let world = try World([waiting(1), broken, waiting(3)])
            let source: MongoSource = try world.source()
            let page: SourcePage = try await source.page(after: nil, limit: 10)
            #expect(page.documents.count == 3)
            #expect(page.documents.map(\.id.key) == (1...3).map { DocumentID(bson: $0).key })
            guard case .unreadable(let reason, let excerpt) = page.documents[1].body else {
                throw TestSupportError("it was read")
            }
            #expect(reason == "not BSON: the type 85 does not exist")
            #expect(broken.bytes.prefix(8).allSatisfy { byte in excerpt.contains(String(byte, radix: 16)) })
            #expect(try await source.acknowledge(page.documents.map(\.id)) == 3)
        }

        /// MongoDB's $gt matches values of one type only; ids of several types must all be read, each once.
        @Test(arguments: [1, 2, 3, 7])
        func idsOfAllTypesAreReadOnceEach(_ limit: Int) async throws {
            let ids: [BSON] = [
                .maxKey, .objectID(numbered: 2), "text", .int32(4), .double(4.5), .int64(5), .double(.nan), .null,
                .minKey,
                .bool(true), .bool(false), .date(-5), .date(5), ["a": .int32(1)], .binary(subtype: 0, [1]),
                .timestamp(seconds: 1, increment: 1), .objectID(numbered: 1), "another", .rawString([0xFF]),
            ]
            let world = try World(ids.map { ["_id": $0, "status": "ingested"] })
            // Without marking, so that it is the position alone that leads on.
            let source: MongoSource = try world.source { $0.acknowledge = false }
            #expect(!source.acknowledges)
            let keys: [String] = try await world.drain(source, limit: limit).flatMap { $0 }
            #expect(keys.count == ids.count)
            #expect(Set(keys).count == ids.count)
            #expect(world.double.updated(in: World.namespace).isEmpty)
        }

        @Test func equalCursorsAreToldApartByID() async throws {
            let times: [BSON?] = [.date(1), .date(2), .date(2), .date(2), nil, .null, "2026", .date(0), .date(2)]
            let documents: [BSONDocument] = times.enumerated().map { number, time in
                waiting(number, time.map { [("at", $0)] } ?? [])
            }
            let world = try World(documents)
            let source: MongoSource = try world.source {
                $0.cursor = "at"
                $0.acknowledge = false
            }
            let keys: [String] = try await world.drain(source, limit: 2).flatMap { $0 }
            #expect(keys == [4, 5, 6, 7, 0, 1, 2, 3, 8].map { DocumentID(bson: $0).key })
        }

        // Shows F-ET-06
        @Test func aLostAnswerIsTriedAgainWithoutHarm() async throws {
            let world = try World((0..<3).map { waiting($0) })
            let source: MongoSource = try world.source()
            let page: SourcePage = try await source.page(after: nil, limit: 10)
            for fault: MongoFault in [.loseReply, .closeMidMessage] {
                world.double.inject(fault, on: "update")
                let error: SourceError = try await failure {
                    _ = try await source.acknowledge(page.documents.map(\.id))
                }
                #expect(error.kind == .unreachable)
            }
            #expect(try await source.acknowledge(page.documents.map(\.id)) == 0)
            #expect(world.double.updated(in: World.namespace).values.sorted() == [1, 1, 1])
        }

        /// The library does not look which request an answer belongs to; a connection with an answer that was not waited
        /// for must not be used again.
        @Test func aLateAnswerIsNotTakenForTheNext() async throws {
            let world = try World((0..<3).map { waiting($0) })
            let source: MongoSource = try world.source(timeouts: MongoTimeouts(socket: .milliseconds(150)))
            let page: SourcePage = try await source.page(after: nil, limit: 2)
            world.double.inject(.delay(.milliseconds(400)), on: "update")
            let error: SourceError = try await failure { _ = try await source.acknowledge(page.documents.map(\.id)) }
            #expect(error.kind == .unreachable)
            // The update may be done before or after this; either way it is the count that is answered.
            #expect([1, 3].contains(try await source.backlog(after: nil).documents))
            _ = try await source.acknowledge(page.documents.map(\.id))
            #expect(try await source.backlog(after: nil).documents == 1)
        }

        @Test func aPageThatComesTwiceIsThePageThatCame() async throws {
            let world = try World((0..<5).map { waiting($0) })
            let source: MongoSource = try world.source()
            let first: SourcePage = try await source.page(after: nil, limit: 2)
            world.double.inject(.repeatPage, on: "find")
            let repeated: SourcePage = try await source.page(after: first.position, limit: 2)
            #expect(repeated == first)
            _ = try await source.acknowledge(first.documents.map(\.id))
            #expect(try await world.drain(source, limit: 2).flatMap { $0 }.count == 3)
        }

        // Shows F-ET-05
        @Test func theServerRestartsBetweenPageAndMark() async throws {
            let world = try World((0..<3).map { waiting($0) })
            let source: MongoSource = try world.source()
            let page: SourcePage = try await source.page(after: nil, limit: 2)
            try world.double.restart()
            // The library may see the broken connection only when it uses it.
            var marked: Int?
            for _ in 0..<2 where marked == nil { marked = try? await source.acknowledge(page.documents.map(\.id)) }
            #expect(marked == 2)
            #expect(try await world.drain(source, limit: 2) == [[DocumentID(bson: 2).key]])
        }

        @Test func aDoubleThatIsStartedAgainGoesOnFromItsJournal() async throws {
            let folder = try TemporaryFolder()
            let path: String = folder("journal")
            do {
                let double = try MongoDouble(journal: path)
                double.insert((0..<3).map { waiting($0) }, into: World.namespace)
                let source = try MongoSource(
                    uri: double.uri, spec: PipelineSpec.MongoDB(database: "reading", collection: "articles"))
                let page: SourcePage = try await source.page(after: nil, limit: 2)
                #expect(try await source.acknowledge(page.documents.map(\.id)) == 2)
            }
            let double = try MongoDouble(journal: path)
            #expect(
                double.documents(in: World.namespace).map { $0["status"] } == ["processed", "processed", "ingested"])
            #expect(double.served(from: World.namespace).values.sorted() == [1, 1])
            #expect(double.updated(in: World.namespace).count == 2)
        }

        // Shows F-ET-10
        @Test func theBacklogIsCountedWithItsAge() async throws {
            let world = try World((0..<3).map { waiting($0) } + [["_id": "text", "status": "ingested"]])
            let source: MongoSource = try world.source()
            // 0x655de800 are the first bytes of the ids.
            #expect(try await source.backlog(after: nil) == SourceBacklog(documents: 4, oldestSeconds: 1_700_653_056))
            #expect(try await world.drain(source, limit: 10).count == 1)
            #expect(try await source.backlog(after: nil) == SourceBacklog(documents: 0, oldestSeconds: nil))
        }

        @Test func theBacklogIsBehindThePositionOnlyWhereNothingIsMarked() async throws {
            let world = try World((0..<5).map { waiting($0) })
            let marking: MongoSource = try world.source()
            let position: String = try await marking.page(after: nil, limit: 3).position
            #expect(try await marking.backlog(after: position).documents == 5)
            let reading: MongoSource = try world.source { $0.acknowledge = false }
            #expect(try await reading.backlog(after: position).documents == 2)
        }

        @Test func theAgeIsThatOfTheCursorWhereItIsADate() async throws {
            let world = try World([waiting(1, [("at", .date(90_000))]), waiting(2, [("at", .date(60_500))])])
            let source: MongoSource = try world.source { $0.cursor = "at" }
            #expect(try await source.backlog(after: nil) == SourceBacklog(documents: 2, oldestSeconds: 60.5))
        }

        @Test func aPageEndsWhereItIsLarge() async throws {
            let payload: BSON = .document(["text": .string(String(repeating: "x", count: 1 << 20))])
            let world = try World((0..<40).map { waiting($0, [("payload", payload)]) })
            let source: MongoSource = try world.source()
            let pages: [[String]] = try await world.drain(source, limit: 500)
            #expect(pages.map(\.count) == [16, 16, 8])
            #expect(pages.flatMap { $0 }.count == 40)
            // What a page left behind is told to the server.
            #expect(world.double.openCursors == 0)
        }
    }

    @Suite struct MongoSourceFailureTests {
        @Test func aServerThatIsNotThereIsUnreachableSoonAndComesBack() async throws {
            let world = try World([waiting(1)])
            let source: MongoSource = try world.source()
            world.double.stop()
            let began: ContinuousClock.Instant = .now
            let error: SourceError = try await failure { _ = try await source.page(after: nil, limit: 1) }
            #expect(error.kind == .unreachable)
            #expect(
                error.message.hasPrefix("cannot read reading.articles at mongodb://127.0.0.1:\(world.double.port): "))
            #expect(error.message.hasSuffix("; the next run tries again"))
            #expect(.now - began < .seconds(15))
            try world.double.start()
            #expect(try await source.page(after: nil, limit: 1).documents.count == 1)
        }

        @Test func aServerThatSaysNothingIsUnreachableInTime() async throws {
            let silent = try LocalListener.blackHole()
            let source = try MongoSource(
                uri: "mongodb://127.0.0.1:\(silent.port)", spec: PipelineSpec.MongoDB(database: "d", collection: "c"),
                timeouts: MongoTimeouts(
                    serverSelection: .milliseconds(400), connect: .milliseconds(300), socket: .milliseconds(300)))
            let began: ContinuousClock.Instant = .now
            let error: SourceError = try await failure { _ = try await source.backlog(after: nil) }
            #expect(error.kind == .unreachable)
            #expect(.now - began < .seconds(10))
        }

        @Test func anAnswerThatTakesTooLongIsNotWaitedFor() async throws {
            let world = try World([waiting(1)])
            let source: MongoSource = try world.source(timeouts: MongoTimeouts(socket: .milliseconds(200)))
            world.double.inject(.delay(.milliseconds(1500)), on: "find", times: 2)
            let began: ContinuousClock.Instant = .now
            let error: SourceError = try await failure { _ = try await source.page(after: nil, limit: 1) }
            #expect(error.kind == .unreachable)
            #expect(.now - began < .milliseconds(1400))
        }

        @Test(arguments: [
            (Int32(13), "Unauthorized", SourceError.Kind.refused),
            (10107, "NotWritablePrimary", .unreachable), (2, "BadValue", .failed),
            (73, "InvalidNamespace", .misconfigured),
        ])
        func whatTheServerSaysIsPassedOn(_ code: Int32, _ name: String, _ kind: SourceError.Kind) async throws {
            let world = try World([waiting(1)])
            let source: MongoSource = try world.source()
            world.double.inject(.error(code: code, name: name, message: "because of \(name)"), on: "find", times: 2)
            let error: SourceError = try await failure { _ = try await source.page(after: nil, limit: 1) }
            #expect(error.kind == kind)
            #expect(error.message.contains("because of \(name)"))
            world.double.clearFaults()
            #expect(try await source.page(after: nil, limit: 1).documents.count == 1)
        }

        @Test func credentialsThatAreRefusedAreNotRepeated() async throws {
            let world = try World([waiting(1)])
            let source: MongoSource = try world.source(user: "ada:hunter%402@", options: "?authMechanism=SCRAM-SHA-256")
            world.double.inject(
                .error(code: 18, name: "AuthenticationFailed", message: "no user ada with hunter@2"), on: "saslStart",
                times: 9)
            let error: SourceError = try await failure { _ = try await source.page(after: nil, limit: 1) }
            #expect(error.kind == .refused, "\(error)")
            #expect(!error.message.contains("hunter"))
            #expect(error.message.contains("check user name, password"))
            #expect(world.double.heard.contains("saslStart"))
        }

        @Test func aUserWithAPasswordIsLetInAndNobodyElse() async throws {
            let double = try MongoDouble(user: "ada", password: "p@ss:w/rd")
            double.insert([waiting(1)], into: World.namespace)
            func source(_ user: String) throws -> MongoSource {
                try MongoSource(
                    uri: "mongodb://\(user)127.0.0.1:\(double.port)/?authSource=admin",
                    spec: PipelineSpec.MongoDB(database: "reading", collection: "articles"))
            }
            #expect(try await source("ada:p%40ss%3Aw%2Frd@").page(after: nil, limit: 1).documents.count == 1)
            for user in ["", "ada:wrong@", "bob:p%40ss%3Aw%2Frd@"] {
                let error: SourceError = try await failure { _ = try await source(user).page(after: nil, limit: 1) }
                #expect(error.kind == .refused, "\(error)")
                #expect(!error.message.contains("wrong") && !error.message.contains("w/rd"))
            }
        }

        @Test(arguments: [
            "mongodb://ada:p/w@d@host/db", "postgres://x", "mongodb://", "mongodb://ada:secret@host:99999",
            "mongodb+srv://ada:secret@host.invalid:27017",
        ])
        func anAddressThatCannotBeReadIsNotRepeated(_ uri: String) async throws {
            let source = try MongoSource(uri: uri, spec: PipelineSpec.MongoDB(database: "d", collection: "c"))
            let error: SourceError = try await failure { _ = try await source.page(after: nil, limit: 1) }
            #expect(error.kind == .misconfigured)
            for part in ["secret", "p/w", "ada", "w@d"] { #expect(!error.message.contains(part)) }
            #expect(error.message.contains("mongodb://[user:password@]host"))
        }

        @Test func whatWouldBeReadForEverIsRefused() throws {
            let spec = PipelineSpec.MongoDB(
                database: "d", collection: "c", pending: ["new", "done"], processed: "done")
            #expect(throws: SourceError.self) { try MongoSource(uri: "mongodb://h", spec: spec) }
        }

        @Test func aPositionThatIsNoneIsRefused() async throws {
            let world = try World()
            let source: MongoSource = try world.source()
            let error: SourceError = try await failure { _ = try await source.page(after: "x", limit: 1) }
            #expect(error.kind == .misconfigured)
        }

        @Test func aCancelledReaderStops() async throws {
            let world = try World((0..<10).map { waiting($0) })
            let source: MongoSource = try world.source()
            let reading = Task { try await source.page(after: nil, limit: 10) }
            reading.cancel()
            let page: SourcePage? = try? await reading.value
            #expect((page?.documents.count ?? 0) <= 1)
            #expect(try await source.page(after: nil, limit: 10).documents.count == 10)
        }

        @Test func opensAndClosesWithoutLeavingAnythingBehind() async throws {
            let world = try World([waiting(1)])
            func round() async throws {
                let source: MongoSource = try world.source()
                _ = try await source.page(after: nil, limit: 1)
                await source.close()
            }
            try await round()
            let before: Int = openDescriptors()
            for _ in 0..<2000 { try await round() }
            // Other tests of this process open some meanwhile; a leak would be two thousand.
            #expect(openDescriptors() < before + 300)
        }

        private func openDescriptors() -> Int { (0..<4096).count { fcntl($0, F_GETFD) >= 0 } }
    }

    extension DocumentID {
        /// The id of the waiting document with this number.
        fileprivate init(bson number: Int) {
            let document: BSONDocument = ["_id": .objectID(numbered: number)]
            self.init(bson: BSONScanner.element(at: "_id", in: document.bytes[...]) ?? .null)
        }
    }

#endif
