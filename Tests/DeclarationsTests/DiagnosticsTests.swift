import Declarations
import Telemetry
import Testing

@Suite struct DiagnosticsTests {
    // Shows F-GO-03, W-A-18
    @Test func everyProblemOfATreeIsReportedAtOnceAtItsPlace() {
        let rules = """
            # two faulty rules
            apiVersion: plumbline/v1
            kind: AlertRule
            metadata:
              name: CPU high
            spec:
              exprs: up == 0
              for: 90
              forEvaluations: 3
              severity: critcal
              notifiers: [chat, pager]
              labels: {tier: 1, tier: 2}
            ---
            apiVersion: plumbline/v2
            kind: AlertRul
            metadata: {name: x}
            spec: {}
            """
        let others = """
            apiVersion: plumbline/v1
            kind: Notifier
            metadata: {name: chat, annotations: {plumbline/drfit: ignore}}
            spec: {type: webhook, url: "https://user:pw@example.org/"}
            ---
            apiVersion: plumbline/v1
            kind: HostGroup
            metadata: {name: web}
            spec: {hosts: [web-1], staleAfter: 1m, downAfter: 1m}
            ---
            apiVersion: plumbline/v1
            kind: HostGroup
            metadata: {name: web}
            spec: {hosts: [web-2]}
            """
        guard case .failure(let found) = declare([("rules.yaml", rules), ("others.yaml", others)]) else {
            Issue.record("accepted")
            return
        }
        #expect(
            found.description == """
                others.yaml:3:38: unknown annotation "plumbline/drfit"; did you mean "plumbline/drift"?
                others.yaml:4:28: a URL must not contain user name or password: put the whole URL into a secret and \
                name it in secretRef
                others.yaml:9:51: "downAfter" (1m) must be longer than "staleAfter" (1m)
                others.yaml:13:18: HostGroup/web is declared already, at others.yaml:8:18
                rules.yaml:5:9: expected a name of lower-case letters, digits and -, at most 63, not beginning with -, \
                got "CPU high"
                rules.yaml:7:3: unknown field "exprs"; did you mean "expr"?
                rules.yaml:8:8: expected a duration with a unit, such as "30s" or "1h30m"; for seconds write "90s"
                rules.yaml:10:13: expected "info", "warning" or "critical", got "critcal"; did you mean "critical"?
                rules.yaml:11:21: there is no Notifier named "pager"
                rules.yaml:12:18: expected a label value, got a number; a text is written in quotes: "1"
                rules.yaml:12:21: duplicate key "tier", first in line 12
                rules.yaml:14:13: expected apiVersion: plumbline/v1
                rules.yaml:15:7: unknown kind "AlertRul"; did you mean "AlertRule"?
                """)
    }

    // Shows F-AL-08
    @Test(arguments: [
        ("10s", "", "10s"), ("10s1ms", "", nil), ("5s", "7s", "7s"), ("5s", "5s", "5s"), ("5s", "4s", nil),
        ("30s", "1m", nil),
    ])
    func aHostMustNotBeStaleBetweenTwoSignsOfLife(staleAfter: String, interval: String, gap: String?) {
        var files = [
            (
                "group.yaml",
                "apiVersion: plumbline/v1\nkind: HostGroup\nmetadata: {name: web}\n"
                    + "spec: {hosts: [web-1], staleAfter: \(staleAfter), downAfter: 1h}"
            )
        ]
        if !interval.isEmpty {
            files.append(
                (
                    "load.yaml",
                    "apiVersion: plumbline/v1\nkind: Collector\nmetadata: {name: load}\n"
                        + "spec: {source: load, interval: \(interval)}"
                ))
        }
        let found: String? = if case .failure(let found) = declare(files) { found.description } else { nil }
        #expect(
            found
                == gap.map {
                    "group.yaml:1:1: HostGroup/web: \"staleAfter\" (\(staleAfter)) must be longer than \($0), the time "
                        + "between two signs of life of a host that is well; raise it, or collect more often"
                })
    }

    @Test(arguments: [
        ("expr: ''", "/expr", "expected a PromQL expression, got an empty text"),
        ("{}", "", "\"expr\" is missing"),
        ("{expr: up, for: 1m, forEvaluations: 2}", "", "\"forEvaluations\" and \"for\" exclude each other"),
        ("{expr: up, forEvaluations: 2.5}", "", "expected a whole number below 2^53, got \"2.5\""),
        ("{expr: up, forEvaluations: 9007199254740993}", "", "expected a whole number below 2^53"),
        ("{expr: up, forEvaluations: 0}", "", "expected a number from 1 to 10000, got 0"),
        ("{expr: up, every: 500ms}", "", "expected a duration from 1s to 1d, got 500ms"),
        ("{expr: up, every: soon}", "", "expected a duration such as \"30s\" or \"1h30m\", got \"soon\""),
        ("{expr: up, every: ~}", "", "there is no value: give one or leave the field out"),
        ("{expr: up, labels: {severity: low}}", "", "\"severity\" is set by the field severity"),
        ("{expr: up, labels: {__x: low}}", "", "expected a label name"),
        ("{expr: up, labels: {team: ''}}", "", "expected a label value, got an empty text"),
        ("{expr: up, labels: [a]}", "", "expected a map of texts, got a list"),
        ("{expr: \"a\\0b\"}", "", "a text must not contain control characters"),
        ("[expr]", "", "expected a map, got a list"),
    ])
    func aFaultyAlertRuleIsRefused(spec: String, path: String, message: String) {
        let text = manifest("AlertRule", "x", spec.hasPrefix("{") || spec.hasPrefix("[") ? spec : "{\(spec)}")
        let found: [String] = problems(text)
        #expect(found.count == 1)
        #expect(found.first?.contains(message) == true, "\(found)")
    }

    @Test(arguments: [
        ("Notifier", "{type: webhook}", "\"url\" or \"secretRef\" is missing"),
        ("Notifier", "{type: webhook, url: 'http://h', secretRef: s}", "\"secretRef\" and \"url\" exclude each other"),
        ("Notifier", "{type: webhook, url: 'ftp://h/'}", "expected a URL that begins with http:// or https://"),
        ("Notifier", "{type: webhook, url: 'http:///x'}", "the URL has no host"),
        ("Notifier", "{type: webhook, url: 'http://h:0/'}", "the URL's port must be from 1 to 65535"),
        ("Notifier", "{type: webhook, secretRef: ../etc/passwd}", "expected the name of a secret"),
        ("Notifier", "{type: webhook, url: 'http://h', default: yes}", "expected true or false, got \"yes\""),
        ("Retention", "{dataset: metrics, keep: 59m}", "expected a duration from 1h to 100y, got 59m"),
        ("Retention", "{dataset: metric, keep: 7d}", "got \"metric\"; did you mean \"metrics\"?"),
        ("Retention", "{dataset: logs}", "\"keep\", \"maxSize\" or \"minFreeDisk\" is missing"),
        ("Retention", "{dataset: logs, maxSize: 20 gigs}", "expected a size such as \"20GiB\", or bytes"),
        ("Retention", "{dataset: logs, maxSize: 1KiB}", "expected a size from 1MiB to 4PiB, got 1KiB"),
        ("Retention", "{dataset: logs, keep: 1d, rollups: {1m: 2d}}", "\"rollups\" is only for \"dataset\": metrics"),
        ("Retention", "{dataset: metrics, keep: 1d, rollups: {2m: 2d}}", "unknown field \"2m\""),
        ("Retention", "{dataset: logs, keep: 1d, sealAfter: 2d}", "\"sealAfter\" is only for \"dataset\": metrics"),
        ("Retention", "{dataset: metrics, keep: 1d, sealAfter: 1m}", "expected a duration from 1h to 100y, got 1m"),
        ("Retention", "{dataset: logs, keep: 1d, matchers: [job]}", "expected a matcher such as job=\"debug\""),
        ("Retention", "{dataset: logs, keep: 1d, matchers: ['1=\"x\"']}", "expected a label name"),
        (
            "Retention", "{dataset: logs, maxSize: 1GiB, matchers: ['job=\"x\"']}",
            "\"maxSize\" and \"matchers\" exclude each other"
        ),
        ("HostGroup", "{hosts: []}", "expected at least 1 of a host name or shell glob"),
        ("HostGroup", "{hosts: ['web-[12']}", "the glob has a [ without its ]"),
        ("HostGroup", "{hosts: [a], labels: {fact_os: x}}", "the prefix \"fact_\" is for facts that agents report"),
        ("Collector", "{source: cpu, interval: 0s}", "expected a duration from 1s to 1d, got 0s"),
        ("Collector", "{source: cpu, interval: 1s, hosts: {groups: [web]}}", "there is no HostGroup named \"web\""),
        ("Collector", "{source: cpu, interval: 1s, priority: .inf}", "expected a whole number below 2^53"),
    ])
    func aFaultySpecIsRefused(kind: String, spec: String, message: String) {
        let found: [String] = problems(manifest(kind, "x", spec))
        #expect(found.count == 1)
        #expect(found.first?.contains(message) == true, "\(found)")
    }

    @Test func aSecretInAFaultyURLIsNotRepeated() {
        for url in ["https://user:hunter2@example.org", "ftp://hunter2", "https://h:hunter2/", "http://hunter2 x/"] {
            let found: [String] = problems(manifest("Notifier", "x", "{type: webhook, url: '\(url)'}"))
            #expect(found.count == 1)
            #expect(!found.joined().contains("hunter2"))
        }
    }

    @Test func aDatasetHasOneRetention() {
        let found: [String] = problems(
            manifest("Retention", "a", "{dataset: metrics, keep: 7d}") + "---\n"
                + manifest("Retention", "b", "{dataset: metrics, keep: 8d}"))
        #expect(
            found == ["m.yaml:6:1: the dataset \"metrics\" has a retention already: Retention/a, at m.yaml:1:1"])
    }

    // Shows F-SV-12
    @Test func aPartOfADatasetMayHaveRetentionsOfItsOwn() {
        #expect(
            problems(
                manifest("Retention", "a", "{dataset: metrics, keep: 7d}") + "---\n"
                    + manifest("Retention", "b", "{dataset: metrics, keep: 1d, matchers: ['job=\"debug\"']}") + "---\n"
                    + manifest("Retention", "c", "{dataset: metrics, keep: 1y, matchers: ['job=\"billing\"']}")
            ).isEmpty)
    }

    @Test func aReferenceIntoAFileThatCannotBeReadIsNotCalledDangling() {
        let rule = manifest("AlertRule", "x", "{expr: up, notifiers: [chat]}")
        guard case .failure(let found) = declare([("a.yaml", rule), ("b.yaml", "kind: [")]) else {
            Issue.record("accepted")
            return
        }
        #expect(found.items.map(\.file) == ["b.yaml"])
    }

    @Test func aReferenceToAResourceWithAFaultySpecIsNotCalledDangling() {
        let text: String =
            manifest("AlertRule", "x", "{expr: up, notifiers: [chat]}") + "---\n"
            + manifest("Notifier", "chat", "{type: webhok, url: 'http://h'}")
        #expect(problems(text).count == 1)
    }

    @Test func annotationsOfOthersAreTaken() throws {
        let text = """
            apiVersion: plumbline/v1
            kind: Retention
            metadata:
              name: x
              annotations: {example.org/owner: ada, plumbline/drift: report, plumbline/prune: keep, plumbline/adopt: "true"}
            spec: {dataset: metrics, keep: 7d}
            """
        let declared = try #require(try declare([("m.yaml", text)]).get().resources.values.first)
        var expected = ResourceAnnotations()
        expected.drift = .report
        expected.keepsOnPrune = true
        expected.adopts = true
        #expect(declared.annotations == expected)
    }

    @Test func theExpressionCheckGivesItsReasonAtTheExpression() {
        let checking = ResourceDecoder(sha256: sha256) { $0 == "up" ? nil : "no such thing" }
        let spec: JSONValue = ["expr": "up", "clear": "down"]
        let result = checking.resource(kind: .alertRule, name: "x", spec: spec)
        #expect(throws: FieldErrors.self) { try result.get() }
        guard case .failure(let errors) = result else { return }
        #expect(errors.description == "/clear: no such thing")
    }

    @Test func errorsOfAJSONSpecHavePointers() {
        let spec: JSONValue = [
            "source": "cpu", "interval": "1s", "hosts": ["labels": ["a/b": "x"], "names": ["", 1]],
        ]
        guard case .failure(let errors) = decoder.resource(kind: .collector, name: "x", spec: spec) else {
            Issue.record("accepted")
            return
        }
        #expect(errors.errors.map(\.path).sorted() == ["/hosts/labels/a~1b", "/hosts/names/0", "/hosts/names/1"])
    }
}
