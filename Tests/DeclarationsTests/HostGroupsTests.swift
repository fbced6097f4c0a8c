import Declarations
import Telemetry
import Testing

@Suite struct HostGroupsTests {
    private func resource(_ kind: ResourceKind, _ name: String, _ spec: JSONValue) throws -> DecodedResource {
        try decoder.resource(kind: kind, name: name, spec: spec).get()
    }

    @Test func aHostHasTheLabelsOfItsGroupsAndItsFactsUnderAPrefix() throws {
        let groups = HostGroups([
            try resource(.hostGroup, "web", ["hosts": ["web-*"], "labels": ["tier": "edge", "rack": "1"]]),
            try resource(.hostGroup, "all", ["hosts": ["*"], "labels": ["tier": "any", "site": "ams"]]),
            try resource(.hostGroup, "db", ["hosts": ["db-1"], "labels": ["tier": "data"]]),
        ])
        let profile = groups.profile(of: HostIdentity(name: "web-7", facts: ["os": "debian", "tier": "forged"]))
        #expect(profile.groups == ["all", "web"])
        // "all" sorts before "web": its label wins.
        #expect(
            profile.labels
                == ["tier": "any", "site": "ams", "rack": "1", "fact_os": "debian", "fact_tier": "forged"])
        #expect(groups.expectedHosts == ["db-1"])
    }

    // Shows F-GO-14
    @Test(arguments: ResourceKind.allCases.filter { $0.target == .agents })
    func `every kind that agents run goes to the hosts that its labels select, and to no other`(
        _ kind: ResourceKind
    ) throws {
        // What each kind cannot be without.
        let needed: [ResourceKind: JSONValue] = [
            .collector: ["source": "cpu", "interval": "10s"],
            .scrapeTarget: ["url": "http://127.0.0.1:9100/metrics", "interval": "10s"],
            .logSource: ["files": ["/var/log/app.log"]],
        ]
        let least: [String: JSONValue] = try #require(needed[kind]?.object, "say what \(kind) needs")
        func selecting(_ hosts: JSONValue) throws -> DecodedResource {
            try resource(kind, "one", .object(least.merging(["hosts": hosts]) { _, own in own }))
        }
        let groups = HostGroups([
            try resource(.hostGroup, "edge", ["hosts": ["web-*"], "labels": ["tier": "edge"]])
        ])
        let member = groups.profile(of: HostIdentity(name: "web-1", facts: ["tier": "core"]))
        let stranger = groups.profile(of: HostIdentity(name: "db-1", facts: ["tier": "edge"]))
        for hosts: JSONValue in [["labels": ["tier": "edge"]], ["groups": ["edge"]], ["names": ["web-1"]]] {
            let wanted: DecodedResource = try selecting(hosts)
            #expect(agentResources(for: member, from: [wanted]).map(\.key.kind) == [kind], "\(hosts)")
            // A host's own word (a fact) chooses nothing for it.
            #expect(agentResources(for: stranger, from: [wanted]).isEmpty, "\(hosts)")
        }
    }

    @Test func theThresholdsAreThoseOfTheGroupThatSortsFirst() throws {
        let groups = HostGroups([
            try resource(.hostGroup, "b", ["hosts": ["web-1"], "staleAfter": "5s", "downAfter": "10s"]),
            try resource(.hostGroup, "a", ["hosts": ["web-*"], "staleAfter": "1m", "downAfter": "2m"]),
        ])
        let member = groups.profile(of: HostIdentity(name: "web-1"))
        #expect([member.staleAfter, member.downAfter] == [.minutes(1), .minutes(2)])
        let stranger = groups.profile(of: HostIdentity(name: "db-1"))
        #expect([stranger.staleAfter, stranger.downAfter] == [.seconds(20), .seconds(50)])
    }

    @Test func ofCollectorsOfOneSourceOneRunsAndTheOthersAreShadowed() throws {
        let resources: [DecodedResource] = [
            try resource(.collector, "b", ["source": "cpu", "interval": "1s"]),
            try resource(.collector, "a", ["source": "cpu", "interval": "2s"]),
            try resource(
                .collector, "z", ["source": "cpu", "interval": "3s", "priority": 1, "hosts": ["names": ["db"]]]),
            try resource(.collector, "m", ["source": "memory", "interval": "1s"]),
            try resource(.collector, "off", ["source": "load", "interval": "1s", "hosts": ["labels": ["x": "y"]]]),
            try resource(.hostGroup, "web", ["hosts": ["web"]]),
        ]
        func running(on name: String) -> [String] {
            let host = HostGroups(resources).profile(of: HostIdentity(name: name))
            return effectiveCollectors(for: host, from: resources).map {
                $0.resource.key.name + ($0.isShadowed ? " shadowed" : "")
            }
        }
        #expect(running(on: "web") == ["a", "b shadowed", "m"])
        #expect(running(on: "db") == ["a shadowed", "b shadowed", "m", "z"])
    }

    @Test(arguments: [
        (HostSelector.all, true),
        (HostSelector(names: ["web-1"], groups: [], labels: [:]), true),
        (HostSelector(names: ["web-2"], groups: [], labels: [:]), false),
        (HostSelector(names: ["web-2"], groups: ["web"], labels: [:]), true),
        (HostSelector(names: [], groups: ["db"], labels: [:]), false),
        (HostSelector(names: [], groups: [], labels: ["tier": "edge"]), true),
        (HostSelector(names: ["web-1"], groups: [], labels: ["tier": "core"]), false),
        (HostSelector(names: [], groups: [], labels: ["fact_os": "debian"]), true),
        (HostSelector(names: [], groups: [], labels: ["os": "debian"]), false),
    ])
    func aSelectorWantsANameOrAGroupAndAllLabels(selector: HostSelector, selects: Bool) throws {
        let groups = HostGroups([
            try resource(.hostGroup, "web", ["hosts": ["web-?"], "labels": ["tier": "edge"]])
        ])
        let host = groups.profile(of: HostIdentity(name: "web-1", facts: ["os": "debian"]))
        #expect(selector.selects(host) == selects)
    }
}

@Suite struct GlobTests {
    @Test(arguments: [
        ("web-*", "web-1", true), ("web-*", "web-", true), ("web-*", "xweb-1", false), ("*", "", true),
        ("a*b*c", "aXbYbZc", true), ("a*b*c", "aXbYc2", false), ("?", "é", true), ("?", "", false),
        ("[a-c]x", "bx", true), ("[a-c]x", "dx", false), ("[!a-c]x", "dx", true), ("[]a]", "]", true),
        ("[a-]", "-", true), ("\\*", "*", true), ("\\*", "a", false), ("/var/*", "/var/lib/x", true),
        ("web-1", "web-1", true), ("", "", true), ("[ab", "[ab", true),
    ])
    func aGlobMatchesAsInAShell(pattern: String, text: String, matches: Bool) {
        #expect(Glob(pattern).matches(text) == matches)
    }

    @Test func manyStarsCostNoTime() {
        let pattern = String(repeating: "*a", count: 200) + "b"
        #expect(!Glob(pattern).matches(String(repeating: "a", count: 2000)))
    }
}
