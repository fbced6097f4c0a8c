import ConfigAPI
import Declarations
import Reconciliation
import Telemetry
import Testing

private let key = ResourceKey(.collector, "cpu")
private let wanted: JSONValue = ["source": "cpu", "interval": "10s"]
private let edited: JSONValue = ["source": "cpu", "interval": "1m"]

/// A host that is to run `wanted` and runs `running`.
private func agent(
    running: JSONValue?, fileDigest: String?, receivedDigest: String?, expectedSince: Timestamp = now - .hours(1),
    isFresh: Bool = true, fileError: String? = nil
) -> AgentView {
    let expected = AgentConfig.Item(kind: "Collector", name: "cpu", spec: wanted, digest: digest(key, wanted))
    let items = running.map {
        AgentStatus.Item(kind: "Collector", name: "cpu", spec: $0, digest: digest(key, $0), state: .running)
    }
    let status = AgentStatus(
        host: "web-1", agentId: "a", bootId: "b", version: "1",
        running: .init(
            storeId: nil, generation: nil, digest: running == wanted ? "set-wanted" : "set-other",
            resources: items.map { [$0] } ?? []),
        file: .init(
            digest: fileDigest, receivedDigest: receivedDigest, changedAt: now - .seconds(3), owner: "carol",
            error: fileError),
        clockOffsetMilliseconds: nil, facts: [:])
    return AgentView(
        host: "web-1", lastSeen: now, isFresh: isFresh,
        expected: AgentConfig(storeId: "store-1", generation: 1, digest: "set-wanted", resources: [expected]),
        expectedSince: expectedSince, status: status)
}

@Suite struct AgentComparisonTests {
    private func compare(_ view: AgentView) throws -> AgentComparison {
        try #require(compareAgents([view], now: now, grace: .seconds(30)).first)
    }

    private func plan(_ view: AgentView, _ declared: DeclaredState, mode: RunMode = .enforce) throws -> Plan {
        var world = World()
        try world.converge(declared)
        world.agents = [view]
        return world.plan(declared, mode: mode)
    }

    @Test func aHostThatRunsWhatItShouldIsInSync() throws {
        let view = agent(running: wanted, fileDigest: "set-wanted", receivedDigest: "set-wanted")
        #expect(try compare(view).state == .inSync)
    }

    // Shows F-GO-14
    @Test func `a host that is behind is named with since when and which commit it runs, one that is in sync is not`()
        throws
    {
        var late = agent(running: edited, fileDigest: "set-other", receivedDigest: "set-other")
        late.applied = AppliedCommit(id: "0123456789abcdef", committedAt: now - .days(1))
        let compared: AgentComparison = try compare(late)
        #expect(compared.state == .drifted)
        #expect(compared.digest == "set-other")
        #expect(compared.behindSince == now - .hours(1))
        #expect(compared.applied?.id == "0123456789abcdef")

        let plan = try plan(late, state("c1", declaration(key, wanted)))
        #expect(plan.hasDifferences(on: .agents))
        let fresh = agent(running: wanted, fileDigest: "set-wanted", receivedDigest: "set-wanted")
        #expect(try compare(fresh).behindSince == nil)
        var unseen = late
        unseen.isFresh = false
        #expect(try compare(unseen).state == .unknown)
    }

    @Test func `the report's text names who is behind and who is unseen`() throws {
        let report = TargetReport(
            name: .agents, state: .drifted,
            agents: [
                .init(host: "a", state: .inSync, lastSeen: now, digest: "x", messages: []),
                .init(
                    host: "b", state: .drifted, lastSeen: now, digest: "y", behindSince: now,
                    applied: AppliedCommit(id: "0123456789abcdef", committedAt: now), messages: []),
                .init(host: "c", state: .unknown, lastSeen: now, messages: []),
            ])
        #expect(
            report.line(TextStyle(isColoured: false))
                == """
                agents: drifted (1 in sync, 1 drifted, 1 unknown)
                    b: behind since \(now.rfc3339), runs commit 0123456789
                    c: unseen since \(now.rfc3339)
                """)
        #expect(try TargetReport(json: report.json) == report)
    }

    // Shows F-GO-14
    @Test func anEditedFileIsDriftAtOnceAndNamesItsOwnerAsThat() throws {
        let view = agent(running: edited, fileDigest: "set-other", receivedDigest: "set-wanted")
        let declared = state("c1", declaration(key, wanted))
        let plan = try plan(view, declared)
        let step = try #require(plan.steps.first)
        #expect(step.host == "web-1")
        #expect(step.action == .update)
        #expect(step.causes == [.drift])
        #expect(step.fields == [FieldChange(path: "/interval", declared: "10s", live: "1m")])
        #expect(
            step.changedBy
                == ChangedBy(
                    who: "carol", at: now - .seconds(3), via: .file, details: ["whoIs": "owner of the file"]))
        #expect(plan.resyncs == [AgentResync(hosts: ["web-1"], resources: ["Collector/cpu"])])
    }

    @Test func aHostThatFollowsANewExpectationIsGivenTime() throws {
        let view = agent(
            running: edited, fileDigest: "set-old", receivedDigest: "set-old", expectedSince: now - .seconds(5))
        #expect(try compare(view).state == .converging)
        let late = agent(
            running: edited, fileDigest: "set-old", receivedDigest: "set-old", expectedSince: now - .seconds(31))
        #expect(try compare(late).state == .drifted)
        #expect(try compare(late).differences.first?.changedBy == .unaudited)
    }

    @Test func aHostThatIsNotSeenIsUnknownAndWithoutEffect() throws {
        let view = agent(running: edited, fileDigest: "set-other", receivedDigest: "set-wanted", isFresh: false)
        #expect(try compare(view).state == .unknown)
        let plan = try plan(view, state("c1", declaration(key, wanted)))
        #expect(plan.isEmpty)
        #expect(!plan.hasDifferences(on: .agents))
    }

    @Test func aFileThatCannotBeReadIsDriftOfTheFile() throws {
        let view = agent(running: wanted, fileDigest: nil, receivedDigest: "set-wanted", fileError: "not JSON")
        let plan = try plan(view, state("c1", declaration(key, wanted)))
        #expect(plan.steps.map(\.kind) == ["ConfigFile"])
        #expect(plan.resyncs == [AgentResync(hosts: ["web-1"], resources: ["Collector/cpu"])])
    }

    @Test func collectorsOfOthersAreLeftAsTheHostRunsThem() throws {
        var world = World()
        world.edit(key, wanted)
        world.agents = [agent(running: edited, fileDigest: "set-other", receivedDigest: "set-wanted")]
        let plan = world.plan(state("c1"))
        #expect(plan.steps.map(\.treatment) == [.ignore])
        #expect(plan.resyncs.isEmpty)
    }

    @Test func observingAndTheAnnotationHoldForHostsToo() throws {
        let view = agent(running: edited, fileDigest: "set-other", receivedDigest: "set-wanted")
        #expect(try plan(view, state("c1", declaration(key, wanted)), mode: .observe).resyncs.isEmpty)
        let reported = declaration(key, wanted, annotations: annotations(drift: .report))
        let plan = try plan(view, state("c1", reported))
        #expect(plan.resyncs.isEmpty)
        #expect(plan.hasDifferences(on: .agents))
    }

    @Test func withoutTheStoreNoHostIsTouched() throws {
        var world = World()
        world.agents = [agent(running: edited, fileDigest: "set-other", receivedDigest: "set-wanted")]
        let live = LiveState(server: .unreachable(reason: "gone"), agents: .present(world.agents))
        #expect(world.plan(state("c1", declaration(key, wanted)), live: live).resyncs.isEmpty)
    }
}
