import Declarations
import Manifests
import Telemetry
import Testing

@Suite struct NormalFormTests {
    private func normal(_ kind: String, _ spec: String) throws -> String {
        let state = try declare([("m.yaml", manifest(kind, "x", spec))]).get()
        return try #require(state.resources.values.first).spec.canonicalText
    }

    @Test func defaultsAndEmptyCollectionsAreLeftOut() throws {
        let spec = """
            {expr: up, for: 0s, forEvaluations: 1, every: 15s, keepFiringFor: 0s, noData: ok, severity: warning, \
            labels: {}, annotations: {}, notifiers: []}
            """
        // Both ways of saying "at once" together are refused; each alone is the default.
        #expect(try normal("AlertRule", spec.replacing(", forEvaluations: 1", with: "")) == #"{"expr":"up"}"#)
        #expect(try normal("AlertRule", spec.replacing(", for: 0s", with: "")) == #"{"expr":"up"}"#)
        let collector = "{source: cpu, interval: 60s, hosts: {names: [], labels: {}}, priority: 0, exclude: []}"
        #expect(try normal("Collector", collector) == #"{"interval":"1m","source":"cpu"}"#)
    }

    @Test func setsAreSortedAndUnique() throws {
        #expect(
            try normal("HostGroup", "{hosts: [b, a, é, b, B], downAfter: 90s}")
                == #"{"downAfter":"1m30s","hosts":["B","a","b","é"]}"#)
    }

    @Test func expressionsAndTextsLoseOuterWhiteSpaceOnly() throws {
        let spec = "\n  expr: |\n    a  +\n      b\n\n  annotations:\n    summary: |\n      one\n      two\n"
        #expect(
            try normal("AlertRule", spec) == #"{"annotations":{"summary":"one\ntwo"},"expr":"a  +\n  b"}"#)
    }

    @Test func aSpecGivesItsDefaultsAsTypedValues() throws {
        let result = decoder.resource(kind: .alertRule, name: "x", spec: ["expr": "up", "for": "90s"])
        #expect(try result.get().spec == .alertRule(AlertRuleSpec(expr: "up", holdFor: .seconds(90))))
        let collector = decoder.resource(
            kind: .collector, name: "x",
            spec: [
                "source": "disk", "interval": "5s", "priority": -3, "labels": ["a": "b"], "exclude": ["sr*"],
                "hosts": ["names": ["w*"], "groups": ["g"], "labels": ["c": "d"]],
            ])
        #expect(
            try collector.get().spec
                == .collector(
                    CollectorSpec(
                        source: .disk, interval: .seconds(5),
                        hosts: HostSelector(names: ["w*"], groups: ["g"], labels: ["c": "d"]), priority: -3,
                        labels: ["a": "b"], exclude: ["sr*"])))
        let group = decoder.resource(kind: .hostGroup, name: "x", spec: ["hosts": ["a"]])
        #expect(try group.get().spec == .hostGroup(HostGroupSpec(hosts: ["a"])))
        let notifier = decoder.resource(kind: .notifier, name: "x", spec: ["type": "webhook", "secretRef": "s"])
        #expect(try notifier.get().spec == .notifier(NotifierSpec(type: .webhook, secretRef: "s")))
        let page = decoder.resource(
            kind: .statusPage, name: "x",
            spec: ["title": "T", "components": [["name": " Web ", "query": "up", "empty": "unknown"]]])
        #expect(
            try page.get().spec
                == .statusPage(StatusPageSpec(title: "T", components: [.init(name: "Web", query: "up")])))
        let retention = decoder.resource(
            kind: .retention, name: "x", spec: ["dataset": "metrics", "keep": "168h"])
        #expect(try retention.get().spec == .retention(RetentionSpec(dataset: .metrics, keep: .days(7))))
        let sized = decoder.resource(
            kind: .retention, name: "x",
            spec: [
                "dataset": "metrics", "maxSize": "20GiB", "minFreeDisk": "5 GB", "rollups": ["1h": "8760h"],
                "sealAfter": "72h",
            ])
        #expect(
            try sized.get().spec
                == .retention(
                    RetentionSpec(
                        dataset: .metrics, maxSize: 20 << 30, minFreeDisk: 5_000_000_000, rollups: [.hour: .days(365)],
                        sealAfter: .days(3)))
        )
        #expect(try sized.get().resource.spec["maxSize"] == .integer(20 << 30))
        let part = decoder.resource(
            kind: .retention, name: "x",
            spec: [
                "dataset": "logs", "keep": "1d",
                "matchers": [#"path =~ "/a\\.b/.*""#, #"host!="x\"y""#, #"host!="x\"y""#],
            ])
        #expect(
            try part.get().spec
                == .retention(
                    RetentionSpec(
                        dataset: .logs,
                        matchers: [
                            LabelMatcher(label: "host", operation: .notEqual, value: #"x"y"#),
                            LabelMatcher(label: "path", operation: .matches, value: #"/a\.b/.*"#),
                        ], keep: .days(1))))
    }

    @Test func referencesAreTheNamedNotifiersAndGroups() throws {
        let rule = decoder.resource(kind: .alertRule, name: "x", spec: ["expr": "up", "notifiers": ["b", "a"]])
        #expect(references(of: try rule.get().spec) == [ResourceKey(.notifier, "a"), ResourceKey(.notifier, "b")])
        let collector = decoder.resource(
            kind: .collector, name: "x",
            spec: ["source": "cpu", "interval": "1s", "hosts": ["groups": ["web"]]])
        #expect(references(of: try collector.get().spec) == [ResourceKey(.hostGroup, "web")])
    }

    /// Digests that installations have stored. Changing one is a breaking change: every store would show drift after
    /// an upgrade.
    @Test(arguments: goldenDigests)
    func digestsOfFixedDocumentsNeverChange(kind: String, spec: String, digest: String) throws {
        let state = try declare([("m.yaml", manifest(kind, "golden", spec))]).get()
        let resource = try #require(state.resources.values.first)
        #expect(resource.digest == digest, "\(kind) \(resource.spec.canonicalText)")
    }

    @Test func theDigestIsOverTheWholeNormalFormAndTheSetDigestOverItsLines() throws {
        let state = try declare([("m.yaml", manifest("Retention", "x", "{dataset: metrics, keep: 7d}"))]).get()
        let declared = try #require(state.resources.values.first)
        let form =
            #"{"apiVersion":"plumbline/v1","kind":"Retention","name":"x","spec":{"dataset":"metrics","keep":"1w"}}"#
        #expect(declared.digest == hexadecimal(sha256(Array(form.utf8))))
        #expect(state.digest == hexadecimal(sha256(Array("Retention/x \(declared.digest)\n".utf8))))
        #expect(
            decoder.rawDigest(kind: "Retention", name: "x", spec: declared.spec) == declared.digest)
    }
}

/// Kind, spec, digest of the resource of that kind named `golden`.
private let goldenDigests: [(String, String, String)] = [
    ("HostGroup", "{hosts: ['web-*', db-1]}", "adfa6696d6fcac35d7e34358d80f35c6a9a2d2698d2a161a5bf27ff6ea0a9e25"),
    (
        "HostGroup", "{hosts: [a], labels: {tier: edge}, staleAfter: 1m, downAfter: 120s}",
        "96366914097b3fbc46f2adde5f6fb4933e66d5e26da5d2878226ea353deed810"
    ),
    (
        "Notifier", "{type: webhook, url: 'https://example.org/hook'}",
        "a764525f455ef05ad8c1ed6980667007b32f3123f4dac91b7ce3f095e30a6980"
    ),
    (
        "Notifier", "{type: webhook, secretRef: pager, signingSecretRef: key, default: true, sendResolved: false}",
        "ee99f242b818cb5137fa477e9f846ab20e156ba1289fac683756231ca761f883"
    ),
    ("Retention", "{dataset: metrics, keep: 30d}", "ec45f27be81ad2b237abb545f90e24ee6dcfd7b03651a018cbe901fdebfe15e2"),
    (
        "AlertRule", "{expr: 'node_load1 > 4', for: 300s}",
        "249976f41f7aceac40010fe0e894438e12baa06759445bd85f2044fbc205ed15"
    ),
    (
        "AlertRule",
        """
        {expr: a > 1, clear: a < 0.5, forEvaluations: 3, every: 30s, keepFiringFor: 1m, noData: alert, \
        severity: critical, labels: {team: ops}, annotations: {summary: 'é {{ $value }}'}}
        """, "47551c4cbdccc91055da7f6cd7be9775e1a46c52a48c80bf979ed33f961194ce"
    ),
    (
        "StatusPage", "{title: Status, components: [{name: Web, query: up}]}",
        "ee2c53a5824c811783104e984660a45b549e0dcd2651e4ceb48ee45cc6a0f390"
    ),
    (
        "StatusPage",
        """
        {title: Status, description: All, url: 'https://s.example.org', hosts: names, commit: full, \
        links: [{title: Help, url: 'https://example.org'}], \
        incidents: {days: 90, matchers: {severity: critical}, titles: {disk-full: Storage}}, \
        components: [{name: Web, description: w, group: g, query: up == bool 1, empty: down}]}
        """, "d7e98c2dcc6f1e6c60d2c0bf1470c59117507744e962de57f43f10f62ec5ed1f"
    ),
    ("Collector", "{source: cpu, interval: 10s}", "9431d759291d128e0f09aa54208212f239ecb180cc259ea6d1f0783d8a153121"),
    (
        "Collector",
        """
        {source: network, interval: 1m30s, priority: 5, labels: {rack: 'b/3'}, exclude: [veth*, lo], \
        hosts: {names: [web-1], labels: {tier: edge}}}
        """, "a8f1ecc8a8eed1f0ad48d9bde5e26c71238368ed09c067a9f7cd225193f11215"
    ),
    (
        "Pipeline",
        """
        {source: {mongodb: {uriRef: mongo, database: reading-analytics, collection: articles, pending: [ingested], \
        acknowledge: true}}, mapping: {source: {from: [/source]}, type: {from: [/event_type]}, \
        payload: {from: [/payload]}}, every: 24h}
        """, "6244a610608c7c0280ea133c711f2a70c3eab2a4852fa9bc45e27f8cff845cf1"
    ),
    (
        "Pipeline",
        """
        {source: {file: {path: /srv/events/*.ndjson}}, mapping: {time: {from: [/at, /extracted_at], numbers: seconds, \
        missing: received}, source: {default: covers}, type: {from: [/event], default: other}, \
        payload: {from: [.], omit: [status, event], required: true}, meta: {from: [/metadata]}, id: {from: [/key]}, \
        host: {default: web-1}}, batchSize: 100, maxRunTime: 60s, maxPayloadBytes: 2048}
        """, "8bedc84e220ac470d633637ca2384959764287e3517bb8c32a2e0b5a7448fefa"
    ),
    (
        "Unit", "{unit: plumb-page.service, enabled: true}",
        "5ba642c4b5f40c1a3d5d933aaac4a3e9423d1017d47c17df308d0b994f0255ee"
    ),
    (
        "Unit",
        "{unit: plumb-server.service, enabled: false, state: stopped, settings: {MemoryMax: 1024M, CPUQuota: 50%, Nice: -5}}",
        "0ee1ca317afb86bb535546f711fdb9922012d98323a66c4c0efffb7593994a07"
    ),
    (
        "Unit",
        """
        {unit: reading-sync.timer, state: running, settings: {OnCalendar: daily, OnUnitActiveSec: 24h, \
        RandomizedDelaySec: 90s}, restartOn: []}
        """, "712e2f2def920e2ab480f7b33dbb1dea703eb0fb5c5f39eb4ea8e1ad74cb80fc"
    ),
    ("Retention", "{dataset: logs, keep: 2w}", "7408b8be6308bf445268269f6c19bda94d6734cdca2b242ad40a28c2d1c328f4"),
    (
        "LogSource", "{files: [/var/log/syslog], parser: auto, from: beginning, maxLineBytes: 4096}",
        "8acf062cf757e0b1200f090c1ec1cd42a66bfb6d0c62a8dfdced67828e728a04"
    ),
    (
        "LogSource",
        """
        {files: [/var/log/*.log, /srv/**/app.log], exclude: [/var/log/x.log], parser: json, from: end, \
        maxLineBytes: 8192, priority: 5, labels: {job: app}, hosts: {names: [web-1]}}
        """, "bea1ef68c1c119a225054f652ec7e7f6ff42038078e39ca116b2a9dd18f7ad3c"
    ),
    (
        "LogSource", "{journal: [web*.service, kernel]}",
        "f08171c315b4d8d4afd2742310f49af9bf9f8457216dd989f794a169b0f52ec4"
    ),
    (
        "LogSource",
        "{containers: [web*], parser: syslog, multiline: {stacktrace: true, maxLines: 500, wait: 2000ms}}",
        "9bcd82b71057f3065e4f12a85262dc6c099b2d2caeb7e6984c12a0bf79f094a5"
    ),
    (
        "LogSource", "{files: [/x.log], multiline: {start: '^\\['}}",
        "03c8ba050abaa9743a6a8b44e67be0e302102544bc0c15df93e67ef216ee8d17"
    ),
    (
        "ScrapeTarget", "{url: 'http://127.0.0.1:9100/metrics', interval: 15s, sampleLimit: 10000, relabel: []}",
        "296d3b90d3f0d6a29779837456948f58bbf8f61cc77feafd8cad6cf37d27e7d1"
    ),
    (
        "ScrapeTarget",
        """
        {url: 'https://app.example/metrics', interval: 1m, timeout: 5s, labels: {team: a}, bodyLimit: 4096, \
        hosts: {names: ['web-*']}, relabel: [{action: keep, sourceLabels: [a, b], separator: '/', regex: 'x/.*'}, \
        {targetLabel: c, replacement: '$1'}]}
        """, "11808dd6b60699dcd7870d696128885f761ba3ea2949d81f8326b057f8569225"
    ),
    (
        "Collector", "{source: processes, interval: 30s, top: 5}",
        "35f5156d344d2849c937facdfe0bc579485d312d6b28b0129ebb733f9c13e550"
    ),
    (
        "Collector", "{source: textfile, interval: 30s, directory: /var/lib/prometheus/node-exporter}",
        "3f875ea663674acb59931c9bc14c554b384f969d100aff331ed9f83274565dfd"
    ),
]
