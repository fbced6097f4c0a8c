import Declarations
import PromQL
import Runtime
import Telemetry

/// What is kept of a dataset of which some series, lines or events have a time of their own: pure.
///
/// What matches Retentions with matchers is kept as long as the longest of those says; all else as long as the dataset.
struct PartialRetention: Sendable {
    struct Rule: Sendable {
        var name: String
        var matchers: [Matcher]
        var keep: PromDuration

        /// Nil where there are no matchers or no time, or a matcher cannot be read: then it says nothing of anything.
        init?(name: String, _ spec: RetentionSpec) {
            guard !spec.matchers.isEmpty, let keep = spec.keep else { return nil }
            var matchers: [Matcher] = []
            for matcher in spec.matchers {
                guard let operation = Matcher.Operation(rawValue: matcher.operation.rawValue),
                    let read = try? Matcher(matcher.label, operation, matcher.value)
                else { return nil }
                matchers.append(read)
            }
            self.name = name
            self.matchers = matchers
            self.keep = keep
        }

        func holds(_ labels: Labels) -> Bool { matchers.allSatisfy { $0.matches(labels) } }
    }

    var rules: [Rule]
    /// Of the rest; nil keeps it.
    var keep: PromDuration?

    /// How long partitions as a whole must stay; nil is for ever.
    var longest: PromDuration? { keep.map { rules.map(\.keep).reduce($0, max) } }

    /// Whether rows of this age must be looked at one by one.
    func mayRemove(at age: PromDuration) -> Bool {
        rules.contains { $0.keep <= age } || (!rules.isEmpty && keep.map { $0 <= age } ?? false)
    }

    func isDoomed(_ labels: Labels, at age: PromDuration) -> Bool {
        let longest: PromDuration? = rules.filter { $0.holds(labels) }.map(\.keep).max() ?? keep
        return longest.map { $0 <= age } ?? false
    }

    /// Of what is to go at an age: the same rules, with the same of them over, have the same.
    func digest(at age: PromDuration) -> String {
        var text: String = keep.map { $0 <= age } ?? false ? "rest\n" : ""
        for rule in rules.sorted(by: { $0.name < $1.name }) {
            text += "\(rule.keep <= age) \(rule.matchers.map(\.description).joined(separator: ","))\n"
        }
        return hexadecimal(Digests.sha256(Array(text.utf8)))
    }
}
