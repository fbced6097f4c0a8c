package import Patterns
package import Telemetry

/// One condition on a label. A label that is absent has the empty value, as in Prometheus.
package struct Matcher: Hashable, Sendable, CustomStringConvertible {
    package enum Operation: String, Hashable, Sendable {
        case equal = "="
        case notEqual = "!="
        case matches = "=~"
        case matchesNot = "!~"
    }

    package let label: String
    package let operation: Operation
    package let value: String
    private let pattern: Pattern?

    /// Throws where `value` is not a regular expression and should be one.
    package init(_ label: String, _ operation: Operation, _ value: String) throws(PatternError) {
        self.label = label
        self.operation = operation
        self.value = value
        switch operation {
        case .equal, .notEqual: pattern = nil
        case .matches, .matchesNot: pattern = try Pattern(value)
        }
    }

    /// A condition that needs no regular expression.
    package static func equal(_ label: String, _ value: String) -> Matcher { Matcher(label, equals: value) }

    private init(_ label: String, equals value: String) {
        self.label = label
        self.operation = .equal
        self.value = value
        self.pattern = nil
    }

    package func matches(_ candidate: String) -> Bool {
        switch operation {
        case .equal: candidate == value
        case .notEqual: candidate != value
        case .matches: pattern?.matchesWhole(candidate) ?? false
        case .matchesNot: !(pattern?.matchesWhole(candidate) ?? false)
        }
    }

    package func matches(_ labels: Labels) -> Bool { matches(labels[label] ?? "") }

    package var description: String { "\(label)\(operation.rawValue)\"\(value)\"" }

    package static func == (left: Matcher, right: Matcher) -> Bool {
        left.label == right.label && left.operation == right.operation && left.value == right.value
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(label)
        hasher.combine(operation)
        hasher.combine(value)
    }
}

/// The label that holds a metric's name.
package let metricNameLabel = "__name__"
