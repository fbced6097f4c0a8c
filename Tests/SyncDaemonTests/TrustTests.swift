import Declarations
import Reconciliation
import SyncDaemon
import TestSupport
import Testing

/// Which commits a reconciler takes where signatures are asked for.
@Suite struct TrustTests {
    private let signer: TestSigner
    private let fixture: SyncFixture
    private let allowed: String

    init() async throws {
        signer = try TestSigner()
        fixture = try await SyncFixture()
        allowed = try signer.write(["ada@example.org \(try await signer.sshKey("ada"))"], to: "allowed")
    }

    private var ada: [String] { signer.sshSettings("ada") }

    private func reconciler(stateDirectory: String = "state") throws -> Reconciler {
        try fixture.reconciler(
            "trust: {verify: ssh, allowedSigners: \(allowed)}", stateDirectory: stateDirectory)
    }

    // Shows F-GO-12
    @Test func oneUnsignedCommitInTheMiddleIsRefusedWhileTheLastGoodOneStaysEnforced() async throws {
        let good = try await fixture.repository.commit(["r.yaml": retentionText("30d")], settings: ada)
        let reconciler = try reconciler()
        let first = await reconciler.run(.startup, fetches: true)
        #expect(first.outcome == .applied, "\(first.text(.plain))")
        #expect(first.signers == ["ada@example.org"])

        try await fixture.repository.commitLocally(["g.yaml": groupText()], message: "Smuggled in", author: "Eve")
        let head = try await fixture.repository.commit(["r.yaml": retentionText("40d")], settings: ada)
        await fixture.target.edit(retention, ["dataset": "metrics", "keep": "1d"])
        let report = await reconciler.run(.timer, fetches: true)

        #expect(report.outcome == .refused)
        #expect(report.commit?.id == good)
        #expect(report.refusedCommit?.id == head)
        let refusal = try #require(report.refusals.first)
        #expect(refusal.guardName == .signature)
        #expect(refusal.message.hasPrefix("1 of 2 new commits cannot be trusted: "))
        #expect(refusal.message.contains("\"Smuggled in\" by Eve: no signature"))
        #expect(
            refusal.message.contains("add the signer's key to \(allowed) (trust.verify: ssh at gitops-sync.yaml:8)"))
        #expect(report.changes.map(\.result) == [.applied])
        #expect(await fixture.target.spec(retention)?["keep"] == "30d")
        #expect(await fixture.target.spec(group) == nil)
    }

    @Test func aSquashMergeNeedsItsOwnSignatureAlone() async throws {
        try await fixture.repository.commit(["r.yaml": retentionText("30d")], settings: ada)
        let reconciler = try reconciler()
        _ = await reconciler.run(.startup, fetches: true)
        try await fixture.repository.git("checkout", "-q", "-b", "side")
        try await fixture.repository.commitLocally(["g.yaml": groupText()], author: "Eve")
        try await fixture.repository.git("checkout", "-q", "main")
        try await fixture.repository.git("merge", "-q", "--squash", "side")
        try await fixture.repository.commit([:], message: "Squash side", settings: ada)
        #expect(await reconciler.run(.timer, fetches: true).outcome == .applied)
        #expect(await fixture.target.spec(group) != nil)
    }

    @Test func aKeyThatIsAddedCountsFromTheNextFetchOn() async throws {
        let grace = try await signer.sshKey("grace")
        try await fixture.repository.commit(["r.yaml": retentionText("30d")], settings: signer.sshSettings("grace"))
        let reconciler = try reconciler()
        let refused = await reconciler.run(.startup, fetches: true)
        #expect(refused.outcome == .refused)
        #expect(refused.commit == nil)
        #expect(await fixture.target.patches.isEmpty)
        try signer.write(["grace@example.org \(grace)"], to: "allowed")
        #expect(await reconciler.run(.timer, fetches: true).outcome == .applied)
    }

    @Test func aFileOfSignersThatIsGoneIsAFailureAndNoPermission() async throws {
        let good = try await fixture.repository.commit(["r.yaml": retentionText("30d")], settings: ada)
        _ = await (try reconciler()).run(.startup, fetches: true)
        try await fixture.repository.commit(["r.yaml": retentionText("40d")], settings: ada)
        let other = try fixture.reconciler("trust: {verify: ssh, allowedSigners: /nowhere/signers}")
        let report = await other.run(.timer, fetches: true)
        #expect(report.outcome == .failed)
        #expect(report.errors.first?.contains("/nowhere/signers") == true)
        #expect(report.commit?.id == good)
        #expect(await fixture.target.spec(retention)?["keep"] == "30d")
    }

    @Test func acceptingARewrittenHistoryDoesNotLiftTheSignatures() async throws {
        try await fixture.repository.commit(["g.yaml": groupText()], settings: ada)
        try await fixture.repository.commit(["r.yaml": retentionText("30d")], settings: ada)
        let reconciler = try reconciler()
        _ = await reconciler.run(.startup, fetches: true)
        try await fixture.repository.git("reset", "-q", "--hard", "HEAD~1")
        let rewritten = try await fixture.repository.commitLocally(["r.yaml": retentionText("40d")])
        try await fixture.repository.push(force: true)
        _ = await reconciler.run(.timer, fetches: true)
        _ = try await reconciler.permitRewrite(rewritten, reason: "trust me")
        let report = await reconciler.run(.manual, fetches: true)
        #expect(report.refusals.map(\.guardName) == [.signature])
        #expect(await fixture.target.spec(retention)?["keep"] == "30d")
    }

    /// It was judged before, and waits: what is thought of it is no older than the last fetch.
    @Test func aKeyThatIsTakenAwayCountsForNothingFromTheNextFetchOn() async throws {
        try await fixture.repository.commit(["r.yaml": retentionText("30d")], settings: ada)
        let reconciler = try reconciler()
        _ = await reconciler.run(.startup, fetches: true)
        try await fixture.repository.commit(["r.yaml": retentionText("40d")], settings: ada)
        await fixture.target.set(isDown: true)
        let waiting = await reconciler.run(.timer, fetches: true)
        #expect(waiting.refusals.isEmpty, "\(waiting.text(.plain))")
        try signer.write(["grace@example.org \(try await signer.sshKey("grace"))"], to: "allowed")
        await fixture.target.set(isDown: false)
        let report = await reconciler.run(.timer, fetches: true)
        #expect(report.refusals.map(\.guardName) == [.signature])
        #expect(await fixture.target.spec(retention)?["keep"] == "30d")
    }

    @Test func goingBackToACommitThatWasAcceptedBeforeNeedsNoNewSignature() async throws {
        let good = try await fixture.repository.commit(["r.yaml": retentionText("30d")], settings: ada)
        let reconciler = try reconciler()
        _ = await reconciler.run(.startup, fetches: true)
        try await fixture.repository.commit(["g.yaml": groupText()], settings: ada)
        _ = await reconciler.run(.timer, fetches: true)
        try await fixture.repository.git("reset", "-q", "--hard", "HEAD~1")
        try await fixture.repository.push(force: true)
        _ = await reconciler.run(.timer, fetches: true)
        _ = try await reconciler.permitRewrite(good, reason: "the second was wrong")
        let report = await reconciler.run(.manual, fetches: true)
        #expect(report.commit?.id == good, "\(report.text(.plain))")
    }

    // Shows F-GO-12
    @Test func gpgSignaturesAreCheckedAgainstAKeyring() async throws {
        for name in ["grace", "stranger"] { try await signer.gpgKey(name) }
        let keyring: String = try await signer.gpgKeyring(["grace"])
        try await fixture.repository.commit(
            ["r.yaml": retentionText("30d")], settings: signer.gpgSettings("grace"))
        let reconciler = try fixture.reconciler("trust: {verify: gpg, keyring: \(keyring)}")
        let first = await reconciler.run(.startup, fetches: true)
        #expect(first.outcome == .applied, "\(first.text(.plain))")
        #expect(first.signers == ["grace <grace@example.org>"])
        try await fixture.repository.commit(
            ["r.yaml": retentionText("40d")], settings: signer.gpgSettings("stranger"))
        let second = await reconciler.run(.timer, fetches: true)
        #expect(second.refusals.map(\.guardName) == [.signature])
        await signer.close()
    }
}
