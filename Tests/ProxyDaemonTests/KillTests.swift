import AsyncHTTPClient
import ConfigAPIServer
import Database
import Declarations
import Glibc
import MongoDouble
import NIOCore
import NIOHTTP1
import Runtime
import StoreService
import Synchronization
import Telemetry
import TestSupport
import Testing

#if MongoDB

    /// The built program over a document store and PostgreSQL, killed where chance wants it.
    @Suite(.serialized) struct KillTests {
        private static let namespace = "reading.articles"
        /// More with PLUMB_KILL_ROUNDS.
        private static let rounds: Int = ProcessEnvironment.value("PLUMB_KILL_ROUNDS").flatMap { Int($0) } ?? 8
        private static let documentsOfOneRound = 30

        // Shows F-ET-05, F-ET-06, F-ET-07
        @Test(.timeLimit(.minutes(8)))
        func aProxyThatIsKilledAnywhereLosesNothingAndStoresNothingTwice() async throws {
            let world = try await World()
            var good = 0
            var bad = 0
            for round in 0..<Self.rounds {
                for number in 0..<Self.documentsOfOneRound {
                    let isGood: Bool = number % 7 != 3
                    world.insert(round * Self.documentsOfOneRound + number, isGood: isGood)
                    if isGood { good += 1 } else { bad += 1 }
                }
                try await world.runAndKill()
            }
            try await world.runToTheEnd()
            let database: TestDatabase = world.database
            func count(_ sql: String) async throws -> Int {
                try await database.superuser("SELECT (\(sql)) AS n").only().int("n")
            }
            #expect(try await count("SELECT count(*) FROM plumbline.events") == good)
            #expect(try await count("SELECT count(DISTINCT payload->>'n') FROM plumbline.events") == good)
            #expect(try await count("SELECT count(*) FROM plumbline_proxy.dead_letters") == bad)
            #expect(
                try await count(
                    "SELECT count(*) FROM plumbline_proxy.dead_letters JOIN plumbline.event_keys USING (pipeline, document)"
                ) == 0)
            #expect(try await count("SELECT count(*) FROM plumbline_proxy.runs WHERE finished_at IS NULL") == 0)
            // At the source: everything is marked, and was marked once.
            let documents: [BSONDocument] = world.double.documents(in: Self.namespace)
            #expect(documents.count == good + bad)
            #expect(documents.allSatisfy { $0["status"] == .string("processed") })
            #expect(world.double.updated(in: Self.namespace).values.allSatisfy { $0 == 1 })
            let interrupted: Int = try await count(
                "SELECT count(*) FROM plumbline_proxy.runs WHERE error LIKE 'interrupted%'")
            let readAgain: Int = world.double.served(from: Self.namespace).values.count { $0 > 1 }
            print(
                "\(Self.rounds) kills: \(interrupted) runs interrupted, \(readAgain) documents read more than once, "
                    + "\(good) events, \(bad) dead letters")
            #expect(interrupted > 0)
        }

        private struct World {
            let database: TestDatabase
            let double: MongoDouble
            let folder: TemporaryFolder
            let port: UInt16
            let program: String

            init() async throws {
                database = try await TestPostgres.database()
                double = try MongoDouble()
                folder = try TemporaryFolder()
                port = try freePort()
                program = try BuiltPrograms.path("plumb-proxy")
                let spec: JSONValue = [
                    "source": [
                        "mongodb": [
                            "uri": .string("mongodb://127.0.0.1:\(double.port)"), "database": "reading",
                            "collection": "articles",
                        ]
                    ],
                    "mapping": ["source": ["default": "test"], "type": ["from": ["/event_type"]]], "batchSize": 5,
                ]
                try await database.person(
                    "INSERT INTO plumbline_proxy.resources (kind, name, spec) VALUES ('Pipeline', 'reading', $1)",
                    [.json(spec)])
            }

            func insert(_ number: Int, isGood: Bool) {
                var members: [(String, BSON)] = [
                    ("_id", .objectID(numbered: number)), ("status", .string("ingested")),
                    ("timestamp", .date(1_795_000_000_000 + Int64(number))),
                    ("payload", .document(BSONDocument([("n", .int32(Int32(number)))]))),
                ]
                if isGood { members.append(("event_type", .string("extraction"))) }
                double.insert([BSONDocument(members)], into: KillTests.namespace)
            }

            /// Starts the proxy and a run, and kills it at a moment of its talk with the source, or a little later.
            func runAndKill() async throws {
                let process: pid_t = try start()
                let moments = Mutex(Int.random(in: 1...30))
                double.observe { _ in
                    let isNow: Bool = moments.withLock { left in
                        left -= 1
                        return left == 0
                    }
                    guard isNow else { return }
                    // Some kills hit between two questions to the source: in PostgreSQL.
                    let delay = Int.random(in: 0...15_000)
                    Task.detached {
                        try? await Task.sleep(for: .microseconds(delay))
                        kill(process, SIGKILL)
                    }
                }
                try await begin()
                let deadline: ContinuousClock.Instant = .now + .seconds(5)
                while ContinuousClock.now < deadline, !hasEnded(process) {
                    if try await isIdle() { break }
                    try await Task.sleep(for: .milliseconds(10))
                }
                double.observe(nil)
                kill(process, SIGKILL)
                try await ended(process)
            }

            func runToTheEnd() async throws {
                let process: pid_t = try start()
                try await begin()
                try await eventually { try await isIdle() ? true : nil }
                kill(process, SIGTERM)
                try await ended(process)
            }

            private func start() throws -> pid_t {
                try spawn(
                    [program, "run", "--listen", "127.0.0.1:\(port)", "--keys", folder("keys.json")],
                    environment: ["DATABASE_URL=\(database.proxyAddress.conninfo)", "PATH=/usr/bin:/bin"],
                    log: folder("proxy.log"))
            }

            /// Asks for a run until one begins, or the proxy is gone.
            private func begin() async throws {
                try await eventually {
                    let authority = try await TokenAuthority(keysFile: folder("keys.json"))
                    let token: String = try await authority.mint(
                        TokenClaims(subject: "test", scopes: [.pipelines], issuedAt: .now(), lifetime: .hours(1)))
                    var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/v1/pipelines/reading/run")
                    request.method = .POST
                    request.headers.add(name: "Authorization", value: "Bearer \(token)")
                    let answer = try? await HTTPClient.shared.execute(request, timeout: .seconds(5))
                    return answer?.status.code == 202 ? true : nil
                }
            }

            private func isIdle() async throws -> Bool {
                try await database.superuser(
                    "SELECT count(*) AS n FROM plumbline_proxy.runs WHERE finished_at IS NULL"
                ).only().int("n") == 0
            }

            private func hasEnded(_ process: pid_t) -> Bool {
                var information = siginfo_t()
                return waitid(P_PID, id_t(process), &information, WEXITED | WNOHANG | WNOWAIT) == 0
                    && information.si_signo != 0
            }

            private func ended(_ process: pid_t) async throws {
                try await eventually { hasEnded(process) ? true : nil }
                var status: Int32 = 0
                waitpid(process, &status, 0)
            }
        }
    }

    /// A port that was free a moment ago.
    private func freePort() throws -> UInt16 {
        let probe: Int32 = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(probe) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status: Int32 = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bare in
                bind(probe, bare, length) == 0 ? getsockname(probe, bare, &length) : -1
            }
        }
        guard status == 0 else { throw TestSupportError("no free port") }
        return UInt16(bigEndian: address.sin_port)
    }

    private func spawn(_ arguments: [String], environment: [String], log: String) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) }
        defer { for word in words + variables { free(word) } }
        words.append(nil)
        variables.append(nil)
        var process: pid_t = 0
        let status: Int32 = posix_spawn(&process, arguments[0], &actions, nil, &words, &variables)
        guard status == 0 else { throw TestSupportError("cannot start \(arguments[0])") }
        return process
    }

#endif
