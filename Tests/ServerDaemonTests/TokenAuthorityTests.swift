import ConfigAPIServer
import Declarations
import Glibc
import Runtime
import ServerDaemon
import StoreService
import Synchronization
import Telemetry
import TestSupport
import Testing

@Suite struct TokenAuthorityTests {
    private static let now = Timestamp(seconds: 1_800_000_000)

    private let keys = TokenKeys.generate(now: Self.now)

    private var authority: TokenAuthority {
        get async { await TokenAuthority(keys: keys) { Self.now } }
    }

    private func claims(lifetime: PromDuration = .hours(1), issuedAt: Timestamp = Self.now) -> TokenClaims {
        TokenClaims(
            subject: "agent-web-1", scopes: [.ingest], host: "web-1", issuedAt: issuedAt, lifetime: lifetime)
    }

    /// A token with any header and payload and a MAC that is right.
    private func forged(
        header: JSONValue? = nil, changing members: [String: JSONValue?] = [:], secret: [UInt8]? = nil
    ) -> String {
        var payload: [String: JSONValue] = [
            "iss": "plumbline", "aud": "plumbline", "sub": "mallory", "scope": "admin",
            "exp": .number(Self.now.seconds + 600),
        ]
        for (name, value) in members { payload[name] = value }
        let head: JSONValue = header ?? ["alg": "HS256", "typ": "JWT", "kid": .string(keys.signing.id)]
        let signed: String = [head, .object(payload)].map { Base64URL.encode($0.canonical) }.joined(separator: ".")
        let mac: [UInt8] = Digests.hmacSHA256(signed.utf8, key: secret ?? keys.signing.secret)
        return "\(signed).\(Base64URL.encode(mac))"
    }

    private func refusal(of token: String) async -> TokenRefusal? {
        do throws(TokenRefusal) {
            _ = try await authority.verify(token)
            return nil
        } catch { return error }
    }

    // Shows F-SV-02
    @Test func aTokenSaysWhoAndForWhichHost() async throws {
        let token: String = try await authority.mint(claims())
        let identity: Identity = try await authority.verify(token)
        #expect(identity == Identity(subject: "agent-web-1", scopes: [.ingest], host: "web-1", issuedAt: Self.now))
        #expect(await refusal(of: forged()) == nil, "what is refused below is refused for what was changed")
    }

    // Shows W-A-12
    @Test(
        "A token is refused for its header",
        arguments: [
            (["alg": "none", "kid": "own"], TokenRefusal.wrongAlgorithm),
            (["alg": "RS256", "kid": "own"], .wrongAlgorithm), (["alg": "HS512", "kid": "own"], .wrongAlgorithm),
            (["alg": "hs256", "kid": "own"], .wrongAlgorithm), (["kid": "own"], .wrongAlgorithm),
            (["alg": "HS256"], .unknownKey), (["alg": "HS256", "kid": "another"], .unknownKey),
        ] as [([String: String], TokenRefusal)])
    func headers(header: [String: String], expected: TokenRefusal) async {
        let own: [String: String] = header.mapValues { $0 == "own" ? keys.signing.id : $0 }
        #expect(await refusal(of: forged(header: own.json)) == expected)
    }

    // Shows W-A-12
    @Test(
        "A token is refused for its claims",
        arguments: [
            (["iss": "somebody"], TokenRefusal.wrongIssuer), (["iss": nil], .wrongSignatureOrClaims),
            (["aud": "somebody"], .wrongAudience), (["exp": nil], .wrongSignatureOrClaims),
            (["exp": .number(Self.now.seconds - 31)], .expired), (["exp": .number(Self.now.seconds - 29)], nil),
            (["iat": .number(Self.now.seconds + 60)], .notYetValid), (["scope": "root"], .wrongSignatureOrClaims),
            (["scope": ""], .wrongSignatureOrClaims), (["sub": ""], .wrongSignatureOrClaims),
        ] as [([String: JSONValue?], TokenRefusal?)])
    func claims(changed: [String: JSONValue?], expected: TokenRefusal?) async {
        #expect(await refusal(of: forged(changing: changed)) == expected)
    }

    @Test func aTokenOfAnotherKeyOrWithoutSignatureIsRefused() async {
        #expect(await refusal(of: forged(secret: randomKey)) == .wrongSignatureOrClaims)
        let parts: [Substring] = forged().split(separator: ".")
        #expect(await refusal(of: "\(parts[0]).\(parts[1]).") == .wrongSignatureOrClaims)
        #expect(await refusal(of: "\(parts[0]).\(parts[1])") == .malformed)
    }

    @Test func noBytesTrapTheVerifier() async {
        var generator = SeededBytes(seed: 7)
        let token: [UInt8] = Array(forged().utf8)
        for round in 0..<300 {
            var bytes: [UInt8] = token
            for _ in 0...(round % 5) {
                bytes[Int(generator.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: generator.next())
            }
            guard bytes != token else { continue }
            #expect(await refusal(of: String(decoding: bytes, as: UTF8.self)) != nil)
        }
        #expect(await refusal(of: "") == .malformed)
        #expect(await refusal(of: String(repeating: "a.", count: 100_000)) == .malformed)
    }

    @Test func aRotatedKeyIsKnownWithoutARestartAndTheOneBeforeIsValid() async throws {
        let folder = try TemporaryFolder()
        let path: String = folder("keys.json")
        let clock = Mutex(Self.now)
        let now: WallClock = { clock.withLock { $0 } }
        let server = try await TokenAuthority(keysFile: path, clock: now)
        let old: String = try await server.mint(claims())
        try TokenKeys.load(path).rotated(now: now()).save(path)
        let fresh: String = try await TokenAuthority(keysFile: path, clock: now).mint(claims())
        #expect(try await server.verify(fresh).subject == "agent-web-1")
        #expect(try await server.verify(old).subject == "agent-web-1")
        // After a second rotation the first key is gone.
        clock.withLock { $0 = $0 + .minutes(1) }
        try TokenKeys.load(path).rotated(now: now()).save(path)
        let newest: String = try await TokenAuthority(keysFile: path, clock: now).mint(claims())
        _ = try await server.verify(newest)
        await #expect(throws: TokenRefusal.unknownKey) { try await server.verify(old) }
    }

    @Test func aTokenThatWasVerifiedBeforeEndsWhenItEnds() async throws {
        let now = Mutex(Self.now)
        let authority = await TokenAuthority(keys: keys) { now.withLock { $0 } }
        let token: String = try await authority.mint(claims(lifetime: .minutes(10)))
        for _ in 0..<3 { #expect(try await authority.verify(token).host == "web-1") }
        now.withLock { $0 = Self.now + .minutes(10) + TokenAuthority.leeway }
        await #expect(throws: TokenRefusal.expired) { try await authority.verify(token) }
        now.withLock { $0 = Self.now - .minutes(10) }
        await #expect(throws: TokenRefusal.notYetValid) { try await authority.verify(token) }
    }

    @Test func aTokenThatWasVerifiedBeforeEndsWithItsKey() async throws {
        let folder = try TemporaryFolder()
        let now = Mutex(Self.now)
        let authority = try await TokenAuthority(keysFile: folder("keys.json")) { now.withLock { $0 } }
        let old: String = try await authority.mint(claims())
        #expect(try await authority.verify(old).host == "web-1")
        let rotated: TokenKeys = try TokenKeys.load(folder("keys.json")).rotated(now: Self.now).rotated(now: Self.now)
        try rotated.save(folder("keys.json"))
        now.withLock { $0 = Self.now + .seconds(5) }
        let other = await TokenAuthority(keys: rotated) { Self.now }
        // A token of a key that is not known here makes the authority read the file.
        #expect(try await authority.verify(try await other.mint(claims())).host == "web-1")
        await #expect(throws: TokenRefusal.unknownKey) { try await authority.verify(old) }
    }

    @Test func theKeysFileIsForItsOwnerAlone() throws {
        let folder = try TemporaryFolder()
        let path: String = folder("keys.json")
        let keys = try TokenKeys.loadOrCreate(path, now: Self.now)
        var status = stat()
        #expect(stat(path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        #expect(try TokenKeys.loadOrCreate(path, now: Self.now) == keys)
        #expect(chmod(path, 0o644) == 0)
        #expect(throws: TokenKeysError.openToOthers(path)) { try TokenKeys.load(path) }
    }

    @Test func ofManyWhoStartAtOnceAllHaveTheSameKeys() async throws {
        let folder = try TemporaryFolder()
        let path: String = folder("keys.json")
        let ids: Set<String> = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<16 { group.addTask { try TokenKeys.loadOrCreate(path, now: Self.now).signing.id } }
            return try await group.reduce(into: []) { $0.insert($1) }
        }
        #expect(ids.count == 1)
    }

    @Test(
        arguments: [
            ("", [Scope.query], nil, PromDuration.hours(1)), ("a b", [.query], nil, .hours(1)),
            ("a", [], nil, .hours(1)), ("a", [.ingest], nil, .hours(1)), ("a", [.ingest], "web\n1", .hours(1)),
            ("a", [.query], nil, .zero), ("a", [.query], nil, .days(367)),
        ] as [(String, Set<Scope>, String?, PromDuration)])
    func whatNoTokenIsMadeFor(subject: String, scopes: Set<Scope>, host: String?, lifetime: PromDuration) {
        #expect(TokenClaims.problem(subject: subject, scopes: scopes, host: host, lifetime: lifetime) != nil)
    }

    @Test func base64URLReadsWhatItWrites() {
        var generator = SeededBytes(seed: 3)
        for count in 0..<100 {
            let bytes: [UInt8] = (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
            #expect(Base64URL.decode(Base64URL.encode(bytes)) == bytes)
        }
        #expect(Base64URL.decode("a") == nil)
        #expect(Base64URL.decode("AB==") == nil)
        #expect(Base64URL.decode("AB") == nil, "bits to spare must be zero: one token has one form")
        #expect(Base64URL.decode("AA") == [0])
    }

    private var randomKey: [UInt8] { (0..<32).map { _ in UInt8.random(in: 0...255) } }
}

/// SplitMix64.
struct SeededBytes: RandomNumberGenerator {
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
