import ConfigAPI
import ConfigAPIServer
import Database
import Declarations
import Dispatch
import MongoDouble
import Synchronization
import TestSupport
import Testing

#if MongoDB

    /// The proxy as a process is killed while it takes documents from MongoDB.
    @Suite struct MongoKillTests {
        private static let namespace = "reading.articles"
        private static let rounds = 50
        private static let documentsOfARound = 12

        /// Where one round ends: at a moment of a command that the double hears, or some time behind it.
        private struct Blow {
            var command: String
            var phase: MongoMoment.Phase
            var occurrence: Int
            var delayMicroseconds: Int

            init(using random: inout some RandomNumberGenerator) {
                command = Bool.random(using: &random) ? "find" : "update"
                phase = Bool.random(using: &random) ? .heard : .done
                occurrence = Int.random(in: 1...3, using: &random)
                // Half of them exactly there, before the answer: an update that is heard means that the events are
                // committed. Half while the work goes on: after a find, events are being written.
                delayMicroseconds = Bool.random(using: &random) ? 0 : Int.random(in: 1...20_000, using: &random)
            }
        }

        private func document(_ number: Int, isGood: Bool) -> BSONDocument {
            let head: [(String, BSON)] = [("_id", .objectID(numbered: number)), ("status", "ingested")]
            let good: [(String, BSON)] = [
                ("timestamp", .date(1_763_683_200_000 + Int64(number))), ("source", "github"),
                ("event_type", "extraction"), ("payload", ["n": .int32(Int32(number))]),
            ]
            return BSONDocument(head + (isGood ? good : [("article", ["title": "legacy"])]))
        }

        // Shows F-ET-05, F-ET-06, F-ET-07
        @Test(.timeLimit(.minutes(10)))
        func killedFiftyTimesEveryDocumentIsOnceAnEventOrOnceADeadLetter() async throws {
            let double = try MongoDouble()
            let database: TestDatabase = try await TestPostgres.database()
            let proxy = try await ProxyProcess(database, secrets: ["mongo": double.uri])
            var random = SplitMix(seed: 50)
            var inserted = 0
            var (kills, hits) = (0, 0)
            for round in 0..<Self.rounds {
                double.insert(
                    (0..<Self.documentsOfARound).map { document(inserted + $0, isGood: ($0 + round) % 4 != 0) },
                    into: Self.namespace)
                inserted += Self.documentsOfARound
                try await proxy.start()
                if round == 0 { try await declare(proxy.client) }
                let isHit = Hit()
                let victim: Int32 = proxy.number
                let blow = Blow(using: &random)
                let left = Countdown(blow.occurrence)
                double.observe { moment in
                    guard moment.command == blow.command, moment.phase == blow.phase else { return }
                    guard left.isOver() else { return }
                    let strike: @Sendable () -> Void = {
                        if proxy.strike(victim) { isHit.set() }
                    }
                    if blow.delayMicroseconds == 0 { return strike() }
                    DispatchQueue.global().asyncAfter(
                        deadline: .now() + .microseconds(blow.delayMicroseconds), execute: strike)
                }
                try await ask(proxy.client)
                // A run can be over before the blow; then it is killed when it is idle.
                try await eventually {
                    if isHit.isTrue { return true }
                    return try await isIdle(database) ? true : nil
                }
                double.observe(nil)
                proxy.kill()
                kills += 1
                if isHit.isTrue { hits += 1 }
            }
            try await proxy.start()
            try await ask(proxy.client)
            try await eventually { waiting(double) == 0 ? try await isIdle(database) ? true : nil : nil }
            proxy.stop()

            #expect(kills == Self.rounds)
            // Most blows meet a run at work; else nothing is shown.
            #expect(hits > Self.rounds / 2)
            try await check(double, database)
        }

        private func check(_ double: MongoDouble, _ database: TestDatabase) async throws {
            let all: [BSONDocument] = double.documents(in: Self.namespace)
            let good: Set<String> = Set(all.filter { $0["payload"] != nil }.map(key))
            let bad: Set<String> = Set(all.filter { $0["payload"] == nil }.map(key))
            #expect(good.count + bad.count == Self.rounds * Self.documentsOfARound)
            let events: [String] = try await texts(database, "SELECT source_id AS text FROM plumbline.events")
            #expect(events.count == good.count)
            #expect(Set(events) == good)
            let numbers: [String] = try await texts(database, "SELECT payload->>'n' AS text FROM plumbline.events")
            #expect(Set(numbers).count == good.count)
            let letters: [String] = try await texts(
                database, "SELECT document AS text FROM plumbline_proxy.dead_letters")
            #expect(letters.count == bad.count)
            #expect(Set(letters) == bad)
            // At the source each was marked once and by nobody else, and some were read again.
            #expect(all.allSatisfy { $0["status"] == "processed" })
            let updated: [BSON: Int] = double.updated(in: Self.namespace)
            #expect(updated.count == all.count)
            #expect(updated.values.allSatisfy { $0 == 1 })
            let served: [BSON: Int] = double.served(from: Self.namespace)
            #expect(served.values.contains { $0 > 1 })
            let interrupted: [String] = try await texts(
                database, "SELECT id AS text FROM plumbline_proxy.runs WHERE error LIKE 'interrupted%'")
            #expect(interrupted.count > Self.rounds / 4)
        }

        private func key(_ document: BSONDocument) -> String {
            guard case .objectID(let bytes)? = document["_id"] else { return "" }
            return bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }

        private func waiting(_ double: MongoDouble) -> Int {
            double.documents(in: Self.namespace).count { $0["status"] == "ingested" }
        }

        private func isIdle(_ database: TestDatabase) async throws -> Bool {
            try await texts(
                database, "SELECT id AS text FROM plumbline_proxy.runs WHERE finished_at IS NULL"
            ).isEmpty
        }

        private func texts(_ database: TestDatabase, _ sql: String) async throws -> [String] {
            try await database.superuser(sql).rows.map { try $0.string("text") }
        }

        private func declare(_ proxy: RunningProxy) async throws {
            let spec: JSONValue = [
                "source": ["mongodb": ["uriRef": "mongo", "database": "reading", "collection": "articles"]],
                "mapping": [
                    "source": ["from": ["/source"], "default": "system"], "type": ["from": ["/event_type"]],
                    "payload": ["from": ["/payload"], "required": true],
                ],
                "batchSize": 5,
            ]
            try await proxy.put([ConfigChange(.put(spec), kind: "Pipeline", name: "reading")])
        }

        /// Asks for a run, as soon as the proxy has read its config.
        private func ask(_ proxy: RunningProxy) async throws {
            try await eventually {
                let answer = try? await proxy.send("POST", "/v1/pipelines/reading/run", as: [.pipelines])
                // Without an answer it was killed already, by what the run that was asked for did.
                guard let answer else { return true }
                return answer.status == 202 ? true : nil
            }
        }
    }

    private final class Hit: Sendable {
        private let state = Atomic(false)

        var isTrue: Bool { state.load(ordering: .relaxed) }

        func set() { state.store(true, ordering: .relaxed) }
    }

    private final class Countdown: Sendable {
        private let left: Atomic<Int>

        init(_ count: Int) { left = Atomic(count) }

        /// True once: when it reaches zero.
        func isOver() -> Bool { left.subtract(1, ordering: .relaxed).newValue == 0 }
    }

    /// Numbers that are the same in each run.
    private struct SplitMix: RandomNumberGenerator {
        private var state: UInt64

        init(seed: UInt64) { state = seed }

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed: UInt64 = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }

#endif
