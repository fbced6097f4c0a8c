import GitStore
import Glibc
import TestSupport
import Testing

@testable import GitStore

/// A repository, a store and the judgement of what was committed.
private struct Signed {
    let repository: TestGitRepository
    let fixture: StoreFixture
    let signer: TestSigner

    init() async throws {
        repository = try await TestGitRepository()
        fixture = try StoreFixture()
        signer = try TestSigner()
    }

    /// The verdict of each commit, newest first.
    func verdicts(_ trust: CommitTrust, after: String? = nil) async throws -> [SignatureVerdict] {
        let head = try await fixture.fetch(repository).head
        let commits = try await fixture.store.commits(after: after.map(id), through: head).commits
        let signed = try await fixture.store.signatures(of: commits.map(\.id))
        #expect(signed.map(\.id) == commits.map(\.id))
        return try await SignatureChecker(.init(trust: trust)).judge(signed)
    }
}

extension SignatureVerdict {
    fileprivate var reason: String { if case .refused(let reason) = self { reason } else { "" } }
}

@Suite("Signatures of ssh")
struct SSHSignatureTests {
    // Shows F-GO-12
    @Test func aTrustedSignerIsNamedAndEverybodyElseRefused() async throws {
        let world = try await Signed()
        let ada: String = try await world.signer.sshKey("ada")
        _ = try await world.signer.sshKey("stranger")
        let signers: String = try world.signer.write(["ada@example.org \(ada)"], to: "allowed")
        let first: String = try await world.repository.commit(
            ["a.yaml": "1\n"], settings: world.signer.sshSettings("ada"))
        try await world.repository.commit(["a.yaml": "2\n"])
        try await world.repository.commit(["a.yaml": "3\n"], settings: world.signer.sshSettings("stranger"))

        let verdicts = try await world.verdicts(.ssh(allowedSigners: signers, revokedKeys: nil))

        #expect(verdicts.count == 3)
        #expect(verdicts[0].reason.hasPrefix("signed with ED25519 key SHA256:"))
        #expect(verdicts[0].reason.hasSuffix("which is not trusted: it is not in \(signers)"))
        #expect(verdicts[1] == .refused(reason: "no signature"))
        #expect(verdicts[2] == .trusted(signer: "ada@example.org"))
        #expect(try await world.verdicts(.ssh(allowedSigners: signers, revokedKeys: nil), after: first).count == 2)
    }

    @Test func datesNamespacesAndRevocationsCountAndAreNamedWithTheirLine() async throws {
        let world = try await Signed()
        let keys: [String] = ["old", "early", "files", "revoked"]
        var lines: [String] = []
        for (name, options) in zip(
            keys, [" valid-before=\"20200101\"", " valid-after=\"29990101\"", " namespaces=\"file\"", ""])
        {
            lines.append("\(name)@example.org\(options) \(try await world.signer.sshKey(name))")
        }
        let signers: String = try world.signer.write(lines, to: "allowed")
        let revoked: String = try world.signer.write(
            [String(lines[3].split(separator: " ", maxSplits: 1)[1])], to: "revocations")
        for name in keys.reversed() {
            // The time that the commit claims is the signer's to choose.
            try await world.repository.commit(
                ["a.yaml": "\(name)\n"], date: "2019-06-01T00:00:00Z", settings: world.signer.sshSettings(name))
        }

        let reasons: [String] = try await world.verdicts(.ssh(allowedSigners: signers, revokedKeys: revoked)).map(
            \.reason)

        #expect(reasons[0].contains("\(signers):1: key has expired"), "\(reasons[0])")
        #expect(reasons[1].contains("\(signers):2: key is not yet valid"), "\(reasons[1])")
        #expect(
            reasons[2].contains("\(signers):3: key is not permitted for use in signature namespace"), "\(reasons[2])")
        #expect(reasons[3].contains("which \(revoked) revokes"), "\(reasons[3])")
        let unrevoked = try await world.verdicts(.ssh(allowedSigners: signers, revokedKeys: nil))
        #expect(unrevoked.last == .trusted(signer: "revoked@example.org"))
    }

    @Test func aSignatureOfAnotherCommitIsNone() async throws {
        let world = try await Signed()
        let signers: String = try world.signer.write(
            ["ada@example.org \(try await world.signer.sshKey("ada"))"], to: "allowed")
        try await world.repository.commit(["a.yaml": "1\n"], settings: world.signer.sshSettings("ada"))
        let head = try await world.fixture.fetch(world.repository).head
        var commit = try #require(try await world.fixture.store.signatures(of: [head]).first)
        let checker = SignatureChecker(.init(trust: .ssh(allowedSigners: signers, revokedKeys: nil)))
        #expect(try await checker.judge([commit]) == [.trusted(signer: "ada@example.org")])

        commit.payload.append(0x0a)
        #expect(try await checker.judge([commit]) == [.refused(reason: "a signature that does not fit the commit")])
        commit.signature = Array("-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n".utf8)
        #expect(try await checker.judge([commit]) == [.refused(reason: "a signature that does not fit the commit")])
        commit.signature = Array("-----BEGIN PGP SIGNATURE-----\n".utf8)
        #expect(
            try await checker.judge([commit]) == [
                .refused(reason: "signed with gpg, and signatures of ssh are required")
            ])
    }

    @Test func aCheckThatCannotBeMadeIsAnErrorAndNoVerdict() async throws {
        let world = try await Signed()
        let signers: String = try world.signer.write(
            ["ada@example.org \(try await world.signer.sshKey("ada"))"], to: "allowed")
        try await world.repository.commit(["a.yaml": "1\n"], settings: world.signer.sshSettings("ada"))
        let head = try await world.fixture.fetch(world.repository).head
        let commits = try await world.fixture.store.signatures(of: [head])
        let hanging: String = try world.fixture.folder.write("#!/bin/sh\nsleep 600\n", to: "hang", mode: 0o700)
        let cases: [(SignatureChecker.Configuration, GitError.Code, String)] = [
            (.init(trust: .ssh(allowedSigners: "/nowhere", revokedKeys: nil)), .configuration, "/nowhere"),
            (.init(trust: .ssh(allowedSigners: signers, revokedKeys: "/gone")), .configuration, "/gone"),
            (
                .init(trust: .ssh(allowedSigners: signers, revokedKeys: nil), sshKeygen: "/usr/bin/no-such-program"),
                .configuration, "openssh-client"
            ),
            (
                .init(
                    trust: .ssh(allowedSigners: signers, revokedKeys: nil), deadline: .milliseconds(300),
                    sshKeygen: hanging), .deadline, "was ended"
            ),
        ]
        for (configuration, code, part) in cases {
            let error = try await gitError { try await SignatureChecker(configuration).judge(commits) }
            #expect(error?.code == code, "\(String(describing: error))")
            #expect(error?.message.contains(part) == true, "\(String(describing: error))")
        }
    }

    @Test func whatMergesBringIsAmongTheCommitsToCheck() async throws {
        let world = try await Signed()
        let signers: String = try world.signer.write(
            ["ada@example.org \(try await world.signer.sshKey("ada"))"], to: "allowed")
        let ada: [String] = world.signer.sshSettings("ada")
        let base: String = try await world.repository.commit(["a.yaml": "1\n"], settings: ada)
        try await world.repository.git("checkout", "-q", "-b", "side")
        try await world.repository.commitLocally(["b.yaml": "1\n"])
        try await world.repository.git("checkout", "-q", "main")
        try await world.repository.commitLocally(["a.yaml": "2\n"], settings: ada)
        try await world.repository.git(ada + ["merge", "-q", "--no-ff", "-m", "Merge side", "side"])
        try await world.repository.push()

        let verdicts = try await world.verdicts(.ssh(allowedSigners: signers, revokedKeys: nil), after: base)

        #expect(verdicts.count == 3)
        #expect(verdicts.filter { $0 == .refused(reason: "no signature") }.count == 1)
    }
}

@Suite("Signatures of gpg")
struct GPGSignatureTests {
    // Shows F-GO-12
    @Test func revokedExpiredAndUnknownKeysAreRefusedAlthoughTheirSignaturesHold() async throws {
        let world = try await Signed()
        for name in ["ada", "revoked", "stranger"] { try await world.signer.gpgKey(name) }
        try await world.signer.gpgKey("expired", expires: "1d", at: "20200101T000000")
        for name in ["ada", "revoked", "stranger"] {
            try await world.repository.commit(["a.yaml": "\(name)\n"], settings: world.signer.gpgSettings(name))
        }
        try await world.repository.commit(
            ["a.yaml": "expired\n"], settings: world.signer.gpgSettings("expired", at: "20200101T010000"))
        try await world.repository.commit(["a.yaml": "unsigned\n"])
        try await world.signer.revokeGPGKey("revoked")
        let keyring: String = try await world.signer.gpgKeyring(["ada", "revoked", "expired"])

        let verdicts = try await world.verdicts(.gpg(keyring: keyring))

        #expect(verdicts[0] == .refused(reason: "no signature"))
        #expect(verdicts[1].reason == "signed with an expired key: expired <expired@example.org>")
        #expect(verdicts[2].reason.hasSuffix("which is not in \(keyring)"), "\(verdicts[2])")
        #expect(verdicts[3].reason == "signed with a revoked key: revoked <revoked@example.org>")
        #expect(verdicts[4] == .trusted(signer: "ada <ada@example.org>"))
        let armoured: String = try await world.signer.gpgKeyring(["ada"], armoured: true)
        let error = try await gitError { try await world.verdicts(.gpg(keyring: armoured)) }
        #expect(error?.message.contains("gpg --dearmor") == true)
        await world.signer.close()
    }

    @Test(
        arguments: [
            ("[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG F8 Ada <a@x>\n[GNUPG:] VALIDSIG 00\n", true, ""),
            ("[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG F8 Ada <a@x>\n[GNUPG:] VALIDSIG 00\n", false, "cannot read"),
            ("[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG F8 Ada <a@x>\n", true, "cannot read"),
            ("[GNUPG:] NEWSIG\n[GNUPG:] BADSIG F8 Ada <a@x>\n", false, "does not fit the commit"),
            ("[GNUPG:] NEWSIG\n[GNUPG:] EXPSIG F8 Ada\n[GNUPG:] VALIDSIG 00\n", true, "has expired"),
            ("[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG F8 Ada\n[GNUPG:] VALIDSIG 0\n[GNUPG:] NEWSIG\n", true, "2 signatures"),
            ("GOODSIG F8 Ada\nVALIDSIG 00\n", true, "cannot read"), ("", true, "cannot read"),
        ])
    func onlyAGoodAndValidSignatureCounts(status: String, isSuccess: Bool, part: String) {
        let verdict = gpgVerdict(status: status, isSuccess: isSuccess, keyring: "/k")
        #expect(part.isEmpty ? verdict == .trusted(signer: "Ada <a@x>") : verdict.reason.contains(part), "\(verdict)")
    }

    @Test func aMessageThatBringsItsOwnTextIsNoSignatureOfACommit() async throws {
        let world = try await Signed()
        try await world.signer.gpgKey("ada")
        let keyring: String = try await world.signer.gpgKeyring(["ada"])
        let folder = try TemporaryFolder()
        let program: String =
            try #require(
                try world.signer.gpgSettings("ada").first { $0.hasPrefix("gpg.program=") }
            ).split(separator: "=").last.map(
                String.init) ?? ""
        let text: String = try folder.write("something else that ada once signed\n", to: "text")
        let message = ChildOutput(try folder.write("", to: "message"))
        system("'\(program)' --armor --yes --sign -o '\(message.path)' '\(text)' 2>/dev/null")
        let inline: String = message.text
            .replacing("PGP MESSAGE", with: "PGP SIGNATURE")
        #expect(inline.hasPrefix("-----BEGIN PGP SIGNATURE-----"))
        let commit = SignedCommit(
            id: try id(String(repeating: "ab", count: 20)), signature: Array(inline.utf8),
            payload: Array("tree of the attacker\n".utf8))

        let verdicts = try await SignatureChecker(.init(trust: .gpg(keyring: keyring))).judge([commit])

        #expect(!verdicts[0].reason.isEmpty, "\(verdicts)")
        await world.signer.close()
    }
}

/// A file that a program wrote.
private struct ChildOutput {
    let path: String

    init(_ path: String) { self.path = path }

    var text: String {
        guard let file = fopen(path, "r") else { return "" }
        defer { fclose(file) }
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        let count: Int = fread(&buffer, 1, buffer.count, file)
        return String(decoding: buffer.prefix(count), as: UTF8.self)
    }
}
