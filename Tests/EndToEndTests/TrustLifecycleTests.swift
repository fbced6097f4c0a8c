import Declarations
import Foundation
import TestSupport
import Testing

/// Whose commits are taken, and what becomes of a store that people filled before git came.
extension PlatformLifecycleTests {
    // Shows F-GO-12
    @Test(.timeLimit(.minutes(6)))
    func `only commits that a trusted key signed are taken, and every one of them is looked at`() async throws {
        let signer = try TestSigner()
        let key: String = try await signer.sshKey("ada")
        let allowed: String = try signer.write(["ada@example.org namespaces=\"git\" \(key)"], to: "allowed_signers")
        try await withPlatform { platform in
            try await platform.configureSync(
                replacing: "mode: enforce", with: "mode: enforce",
                extra: "trust:\n  verify: ssh\n  allowedSigners: \(allowed)\n")
            func commit(_ keep: String, signed: Bool) async throws -> String {
                try platform.write(["retentions/metrics.yaml": Drift.retentionManifest(keep)])
                let settings: [String] = signed ? signer.sshSettings("ada") : []
                try await require(
                    "git", settings + ["commit", "-q", "-a", "-m", "Keep \(keep)"], in: platform.clone)
                return try await platform.git("rev-parse", "HEAD").trimmingCharacters(in: .whitespacesAndNewlines)
            }
            _ = try await commit("31d", signed: true)
            try await platform.pushAndWait(forRetention: "31d")
            let signed: JSONValue = try #require(
                try await platform.reports().first { $0["outcome"]?.string == "applied" })
            #expect(signed["signers"]?.array?.first?.string?.contains("ada@example.org") == true)

            // The head is signed, and what comes with it is not.
            let before: Set<String> = try await platform.reportIdentifiers()
            let unsigned: String = try await commit("32d", signed: false)
            _ = try await commit("33d", signed: true)
            _ = try await platform.push()
            let refused: JSONValue = try await platform.report("refused", since: before)
            let refusal: JSONValue = try #require(refused["refusals"]?.array?.first)
            #expect(refusal["guard"]?.string == "signature")
            #expect(refusal["message"]?.string?.contains(unsigned.prefix(10)) == true, "\(refusal)")
            #expect(try await platform.keptMetrics() == "31d")
            // What was accepted goes on being enforced.
            try await platform.operatorSQL(Drift.retention("77d"))
            _ = try await eventually("the accepted commit stays enforced", within: 60) {
                try await platform.keptMetrics() == "31d" ? true : nil
            }
        }
    }

    @Test(.timeLimit(.minutes(6)))
    func `a store that people filled is only observed until somebody says enforce`() async throws {
        try await withPlatform { platform in
            try await platform.forgetGit()
            let meeting: JSONValue = try await eventually("the first meeting is reported", within: 60) {
                try await platform.reports().first { report in
                    report["notices"]?.array?.contains { $0.string?.hasPrefix("first meeting") == true } == true
                }
            }
            #expect(meeting["mode"]?.string == "observe")
            #expect(meeting["commit"]?["id"]?.string == nil)
            let retention: JSONValue = try #require(
                meeting["changes"]?.array?.first { $0["kind"]?.string == "Retention" })
            #expect(retention["action"]?.string == "adopt")
            #expect(retention["result"]?.string == "reported")
            #expect(try await platform.keptMetrics() == "45d", "nothing was written")
            let plan: Finished = try await platform.gitopsSync("plan")
            #expect(plan.status == 4, "the guard adopt would refuse it: \(plan.all)")
            #expect(plan.output.contains("\"45d\" → \"30d\""), "\(plan.output)")

            // Enforcing alone takes over nothing that differs; the commit has to say so.
            let begun: Finished = try await platform.gitopsSync("enforce")
            #expect(begun.status == 0, "\(begun.all)")
            _ = try await platform.report("refused", since: [meeting["id"]?.string ?? ""])
            #expect(try await platform.keptMetrics() == "45d")
            try await platform.git(
                "commit", "-q", "--allow-empty", "-m", "Take over\n\nPlumbline-Allow: adopt, retention")
            try await platform.pushAndWait(forRetention: "30d")
            let adopted: JSONValue? = try await platform.resource("Retention", "metrics")
            #expect(adopted?["owner"]?.string == "gitops-sync")
        }
    }
}

extension Platform {
    fileprivate func keptMetrics() async throws -> String? {
        try await resource("Retention", "metrics")?["spec"]?["keep"]?.string
    }

    fileprivate func pushAndWait(forRetention keep: String) async throws {
        let push: Finished = try await push()
        guard push.status == 0 else { throw ShellError(description: push.all) }
        _ = try await eventually("metrics are kept for \(keep)", within: 60) {
            try await keptMetrics() == keep ? true : nil
        }
    }

    /// Makes the store one that people filled by hand, with another retention than git's, and gitops-sync one that never
    /// was here.
    fileprivate func forgetGit() async throws {
        guard let sync = try child("gitops-sync").process else { throw ShellError(description: "no gitops-sync") }
        kill(sync.number, SIGSTOP)
        try await superuserSQL(
            """
            SET session_replication_role = replica;
            UPDATE plumbline.resources SET owner = 'admin', applied_digest = NULL, applied_revision = NULL, source = NULL;
            \(Drift.retention("45d"));
            DELETE FROM plumbline.leases; DELETE FROM plumbline_proxy.leases;
            """)
        try FileManager.default.removeItem(at: dataDirectory.appendingPathComponent("gitops-sync"))
        try await killChild("gitops-sync")
    }
}
