package import Declarations
import Patterns
package import Telemetry

/// Rules that change, keep or drop the series of a scrape, as Prometheus' `metric_relabel_configs` do.
package struct Relabelling: Sendable {
    private let rules: [Rule]

    private struct Rule: Sendable {
        var spec: RelabelRule
        var pattern: Pattern
    }

    /// The name of the metric among the labels, while rules are applied.
    private static let metricName = "__name__"

    /// Rules of a spec, which its schema has checked: a pattern that is none is a bug of ours.
    package init(_ specs: [RelabelRule]) {
        rules = specs.map { spec in
            do throws(PatternError) { return Rule(spec: spec, pattern: try Pattern(spec.regex)) } catch {
                preconditionFailure("a pattern that the schema let through: \(error)")
            }
        }
    }

    package var isEmpty: Bool { rules.isEmpty }

    /// The series after all rules; nil where one of them drops it, or takes its name away.
    package func applied(to series: Series) -> Series? {
        guard !rules.isEmpty else { return series }
        var labels: [String: String] = series.labels.dictionary
        labels[Self.metricName] = series.name
        for rule in rules {
            guard apply(rule, to: &labels) else { return nil }
        }
        guard let name = labels.removeValue(forKey: Self.metricName), !name.isEmpty else { return nil }
        // Labels that begin with __ are for passing something from one rule to another.
        return Series(name, Labels(labels.filter { !$0.key.hasPrefix("__") }))
    }

    /// False where the rule drops the series.
    private func apply(_ rule: Rule, to labels: inout [String: String]) -> Bool {
        let spec: RelabelRule = rule.spec
        switch spec.action {
        case .keep: return rule.pattern.matchesWhole(source(spec, labels))
        case .drop: return !rule.pattern.matchesWhole(source(spec, labels))
        case .replace:
            guard let value = rule.pattern.expansion(of: spec.replacement, matching: source(spec, labels)),
                let target = rule.pattern.expansion(of: spec.targetLabel ?? "", matching: source(spec, labels)),
                Self.isLabelName(target)
            else { return true }
            labels[target] = value.isEmpty ? nil : value
        case .labelmap:
            for (name, value) in labels.sorted(by: { $0.key < $1.key }) {
                guard let mapped = rule.pattern.expansion(of: spec.replacement, matching: name),
                    Self.isLabelName(mapped)
                else { continue }
                labels[mapped] = value
            }
        case .labeldrop: labels = labels.filter { !rule.pattern.matchesWhole($0.key) }
        case .labelkeep: labels = labels.filter { $0.key == Self.metricName || rule.pattern.matchesWhole($0.key) }
        }
        return true
    }

    private func source(_ spec: RelabelRule, _ labels: [String: String]) -> String {
        spec.sourceLabels.map { labels[$0] ?? "" }.joined(separator: spec.separator)
    }

    private static func isLabelName(_ text: String) -> Bool {
        guard let first = text.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return false
        }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }
}
