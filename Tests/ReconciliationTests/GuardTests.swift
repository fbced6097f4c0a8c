import ConfigAPI
import Declarations
@testable import Reconciliation
import Telemetry
import Testing

@Suite struct GuardTests {
    private func rules(_ count: Int) -> [Declaration] {
        (0..<count).map { declaration(ResourceKey(.alertRule, "rule-\($0)"), ["expr": .string("up == \($0)")]) }
    }

    private func world(_ count: Int) throws -> World {
        var world = World()
        try world.converge(DeclaredState(revision: "c1", resources: rules(count)))
        return world
    }

    @Test(arguments: [(1, 3), (14, 3), (15, 3), (20, 4), (49, 9), (50, 10), (500, 10)])
    func aFifthOfWhatIsOwnedMayGoWithinBounds(owned: Int, allowed: Int) {
        #expect(DeletionBudget().allowed(owned: owned) == allowed)
    }

    // Shows F-GO-10
    @Test func deletingMoreThanTheBudgetIsRefusedAsAWhole() throws {
        let world = try world(20)
        let fine = world.plan(DeclaredState(revision: "c2", resources: rules(16)))
        #expect(fine.refusals.isEmpty)
        let plan = world.plan(DeclaredState(revision: "c2", resources: rules(15)))
        #expect(plan.refusals.map(\.guardName) == [.prune])
        #expect(plan.refusals.first?.resources.count == 5)
        #expect(plan.steps.allSatisfy { $0.treatment == .refuse(.prune) })
        #expect(plan.isEmpty)
    }

    @Test func theTrailerLetsDeletionsPass() throws {
        let plan = try world(20).plan(DeclaredState(revision: "c2", resources: []), allow: [.prune])
        #expect(plan.refusals.isEmpty)
        #expect(plan.storeSteps.count == 20)
    }

    @Test func deletionsOfTheLastHourCount() throws {
        let plan = try world(17).plan(
            DeclaredState(revision: "c2", resources: rules(15)),
            recentDeletions: Set(["x", "y", "z"].map { ResourceKey(.alertRule, $0) }))
        #expect(plan.refusals.first?.message.contains("5 (3 of them within the last hour) of 20") == true)
    }

    @Test func renamesAreNoDeletions() throws {
        let renamed = rules(20).map { declaration(ResourceKey(.alertRule, "new-\($0.key.name)"), $0.spec) }
        let plan = try world(20).plan(DeclaredState(revision: "c2", resources: renamed))
        #expect(plan.refusals.isEmpty)
        #expect(plan.steps.count == 40)
    }

    @Test func aForeignTwinThatIsEqualIsAdoptedWithoutAsking() throws {
        let key = ResourceKey(.notifier, "ops")
        var world = World()
        world.edit(key, ["type": "webhook"])
        let declared = state("c1", declaration(key, ["type": "webhook"]))
        let plan = world.plan(declared)
        #expect(plan.refusals.isEmpty)
        #expect(plan.steps.map(\.action) == [.adopt])
        try world.apply(plan)
        #expect(world.store.snapshot.resources.first?.owner == source)
        #expect(world.plan(declared).steps.isEmpty)
    }

    @Test func aForeignTwinThatDiffersNeedsPermission() throws {
        let key = ResourceKey(.notifier, "ops")
        var world = World()
        world.edit(key, ["type": "webhook", "url": "http://a/"])
        let spec: JSONValue = ["type": "webhook", "url": "http://b/"]
        let plan = world.plan(state("c1", declaration(key, spec)))
        #expect(plan.refusals.map(\.guardName) == [.adopt])
        #expect(plan.steps.first?.fields.map(\.path) == ["/url"])
        #expect(plan.isEmpty)
        #expect(world.plan(state("c1", declaration(key, spec)), allow: [.adopt]).refusals.isEmpty)
        let annotated = declaration(key, spec, annotations: annotations(adopts: true))
        #expect(world.plan(state("c1", annotated)).refusals.isEmpty)
    }

    @Test func whatAnotherGitSourceOwnsIsNeverTaken() throws {
        let key = ResourceKey(.notifier, "ops")
        var world = World()
        let patch = ConfigPatch(
            requestId: "other", storeId: "store-1", generation: 1, revision: "x", leaseEpoch: nil,
            changes: [ConfigChange(.put(["type": "webhook"]), kind: "Notifier", name: "ops")])
        _ = try world.store.apply(patch, as: "other-sync", digest: digest)
        let plan = world.plan(state("c1", declaration(key, ["type": "webhook"])), allow: [.adopt, .prune])
        #expect(plan.refusals.map(\.guardName) == [.contested])
        #expect(plan.refusals.first?.message.contains("other-sync") == true)
        #expect(plan.isEmpty)
    }

    @Test(
        arguments: [
            // Of others: equal, differing, of another git source; permission or annotation; what is refused.
            (Twin.equal, [], false, nil), (.differing, [], false, .adopt), (.differing, [.adopt], false, nil),
            (.differing, [], true, nil), (.differing, [.prune, .retention, .noise], false, .adopt),
            (.ofAnotherSource, [], false, .contested), (.ofAnotherSource, [.adopt], true, .contested),
        ] as [(Twin, Set<Permission>, Bool, GuardName?)])
    func whatOthersOwnIsTakenOverAsFarAsACommitAllows(
        twin: Twin, allowed: Set<Permission>, isAnnotated: Bool, refused: GuardName?
    ) throws {
        let key = ResourceKey(.notifier, "ops")
        var world = World()
        if twin == .ofAnotherSource {
            let patch = ConfigPatch(
                requestId: "other", storeId: "store-1", generation: 1, revision: "x", leaseEpoch: nil,
                changes: [ConfigChange(.put(["type": "webhook"]), kind: "Notifier", name: "ops")])
            _ = try world.store.apply(patch, as: "other-sync", digest: digest)
        } else {
            world.edit(key, twin == .equal ? ["type": "webhook"] : ["type": "webhook", "url": "http://a/"])
        }
        let declared = declaration(key, ["type": "webhook"], annotations: annotations(adopts: isAnnotated))
        let plan = world.plan(state("c1", declared), allow: allowed)
        #expect(plan.refusals.map(\.guardName) == (refused.map { [$0] } ?? []))
        #expect(plan.isEmpty == (refused != nil))
    }

    enum Twin: Sendable { case equal, differing, ofAnotherSource }

    /// What an accepted commit allowed reaches the targets that have not got their part, and no other.
    @Test(
        arguments: [
            ([.systemd: [.prune]], [GuardName]()), ([.proxy: [.prune]], [.prune]), ([.systemd: [.adopt]], [.prune]),
            ([:], [.prune]),
        ] as [([TargetName: Set<Permission>], [GuardName])])
    func whatIsOwedToATargetPassesThere(owed: [TargetName: Set<Permission>], refused: [GuardName]) {
        let units: [ResourceKey] = (0..<4).map { ResourceKey(.unit, "unit-\($0)") }
        let context = PlanContext(mode: .enforce, owed: owed, references: { _, _ in [] }, redact: { spec, _ in spec })
        let steps: [Step] = units.map {
            Step(
                target: .systemd, kind: $0.kind.rawValue, name: $0.name, action: .delete, causes: [.commit],
                changedBy: .unaudited)
        }
        let refusals = deletionRefusals(
            steps, owned: [.unit: 4], recent: [], budget: DeletionBudget(),
            isAllowed: { context.allows(.prune, for: $0) })
        #expect(refusals.map(\.guardName) == refused)
    }

    @Test(arguments: [
        (true, false), (false, true),
    ])
    func aHeadWithoutTheAcceptedCommitIsRefused(contains: Bool, isRefused: Bool) {
        let refusal: Refusal? = rewrittenHistoryRefusal(
            branch: "main", head: "0123456789ab", accepted: "ba9876543210", contains: contains)
        #expect((refusal != nil) == isRefused)
        #expect(refusal?.guardName ?? .rewrittenHistory == .rewrittenHistory)
        #expect(refusal?.message.contains("gitops-sync accept 0123456789 ") ?? true)
    }

    /// Faults of the new commits, newest first; nil is a trusted signature.
    @Test(
        arguments: [
            ([nil], nil), ([nil, nil], nil), (["no signature"], "the new commit cannot be trusted: "),
            ([nil, "no signature"], "1 of 2 new commits cannot be trusted: "),
            (Array(repeating: "no signature", count: 7), "; and 2 more. REMEDY"),
            ([], "commit c0 is not among the new commits"),
        ] as [([String?], String?)])
    func everyNewCommitNeedsASignature(faults: [String?], message: String?) throws {
        let time = try #require(Timestamp(rfc3339: "2026-01-02T03:04:05Z"))
        let findings: [SignatureFinding] = faults.enumerated().map { index, fault in
            SignatureFinding(
                commit: CommitInfo(id: "c\(index)", author: "Ada", committedAt: time, subject: "Subject"), fault: fault)
        }
        let refusal: Refusal? = signatureRefusal(findings, head: "c0", tooMany: nil, remedy: "REMEDY")
        #expect((refusal == nil) == (message == nil))
        #expect(refusal?.message.contains(message ?? "") ?? true, "\(refusal?.message ?? "")")
        #expect(signatureRefusal(findings, head: "c0", tooMany: 500, remedy: "")?.message.contains("500") == true)
    }

    @Test(
        arguments: [
            ("Drop rules\n\nPlumbline-Allow: prune", [.prune]),
            ("Squash\n\n* one\n\nplumbline-allow: adopt, last-notifier\n\n* two\n", [.adopt, .lastNotifier]),
            ("Plumbline-Allow: prune", []),
            ("Talk\n\nsay Plumbline-Allow: prune", []),
            ("Typo\n\nPlumbline-Allow: everything", []),
        ] as [(String, Set<Permission>)])
    func permissionsComeFromTrailersOnly(message: String, expected: Set<Permission>) {
        #expect(permissions(in: [message]) == expected)
    }
}
