import Declarations
import Scraping
import Telemetry
import Testing

@Suite struct RelabellingTests {
    private let series = Series("http_requests_total", ["code": "200", "path": "/api/v1/users", "pod": "web-7"])

    private func applied(_ rules: RelabelRule...) -> String? { Relabelling(rules).applied(to: series)?.description }

    @Test func keepAndDropDecideOverTheSeries() {
        #expect(applied(RelabelRule(action: .keep, sourceLabels: ["code"], regex: "2..")) == series.description)
        #expect(applied(RelabelRule(action: .keep, sourceLabels: ["code"], regex: "2")) == nil)
        #expect(applied(RelabelRule(action: .drop, sourceLabels: ["__name__", "code"], regex: "http_.*;200")) == nil)
        #expect(applied(RelabelRule(action: .drop, sourceLabels: ["nothing"], regex: ".+")) == series.description)
    }

    @Test func replaceSetsALabelFromWhatTheGroupsMatched() {
        #expect(
            applied(
                RelabelRule(
                    action: .replace, sourceLabels: ["path"], regex: "/(\\w+)/(?P<version>v\\d).*", targetLabel: "api",
                    replacement: "${1}-$version"))
                == #"http_requests_total{api="api-v1",code="200",path="/api/v1/users",pod="web-7"}"#)
        // No match: nothing happens.
        #expect(
            applied(RelabelRule(action: .replace, sourceLabels: ["path"], regex: "x", targetLabel: "api"))
                == series.description)
        // Nothing is the same as no label.
        #expect(
            applied(
                RelabelRule(
                    action: .replace, sourceLabels: ["nothing"], regex: "(.*)", targetLabel: "pod"))
                == #"http_requests_total{code="200",path="/api/v1/users"}"#)
        #expect(
            applied(
                RelabelRule(
                    action: .replace, sourceLabels: ["__name__"], regex: "http_(.*)", targetLabel: "__name__",
                    replacement: "web_$1"), RelabelRule(action: .labelkeep, regex: "code"))
                == #"web_requests_total{code="200"}"#)
    }

    @Test func labelmapCopiesAndLabeldropTakesAway() {
        #expect(
            applied(
                RelabelRule(action: .labelmap, regex: "p(.*)", replacement: "x_$1"),
                RelabelRule(action: .labeldrop, regex: "p.*|code"))
                == #"http_requests_total{x_ath="/api/v1/users",x_od="web-7"}"#)
    }

    @Test func labelsWithTwoUnderscoresPassFromRuleToRuleAndGo() {
        #expect(
            applied(
                RelabelRule(
                    action: .replace, sourceLabels: ["code", "pod"], separator: "/", regex: "(.*)",
                    targetLabel: "__tmp"),
                RelabelRule(action: .replace, sourceLabels: ["__tmp"], regex: "(.*)", targetLabel: "both"),
                RelabelRule(action: .labelkeep, regex: "both|__tmp"))
                == #"http_requests_total{both="200/web-7"}"#)
        #expect(applied(RelabelRule(action: .replace, regex: "()", targetLabel: "__name__")) == nil)
    }

    @Test func theTargetsLabelsWinAndExposedOnesAreKeptBesideThem() {
        let target = TargetLabels(job: "app", instance: "127.0.0.1:80", labels: ["team": "a", "instance": "main"])
        #expect(
            target.applied(to: Series("x", ["job": "mine", "exported_job": "older", "z": "1"])).description
                == #"x{exported_exported_job="mine",exported_job="older",instance="main",job="app",team="a",z="1"}"#)
        #expect(target.series("up").description == #"up{instance="main",job="app",team="a"}"#)
    }
}
