package import Telemetry

/// A query that was read and type-checked.
package struct Expression: Sendable {
    /// What evaluating it gives.
    package var type: ValueType
    /// Every vector selector in it; a selector's `ordinal` is its place in this list.
    package var selectors: [VectorSelector]
    var node: Node

    /// Whether it is a vector selector and nothing else, without `offset` and `@`.
    package var isSelector: Bool {
        guard case .selector(let selector) = node else { return false }
        return selector.shift == TimeShift()
    }
}

/// The types of the language.
package enum ValueType: String, Hashable, Sendable {
    case scalar
    case string
    case vector
    case matrix

    /// As error messages say it.
    var text: String {
        switch self {
        case .scalar: "scalar"
        case .string: "string"
        case .vector: "instant vector"
        case .matrix: "range vector"
        }
    }
}

/// A node of the tree. Parentheses leave no trace; types were checked when it was built.
indirect enum Node: Sendable {
    case number(Double)
    case string(String)
    case selector(VectorSelector)
    case matrix(VectorSelector, range: PromDuration)
    case subquery(Subquery)
    case negation(Node)
    case binary(Binary)
    case aggregation(Aggregation)
    case call(Call)
}

/// Series by name and labels, and how their time is moved.
package struct VectorSelector: Hashable, Sendable {
    /// All of them, the one on `__name__` included.
    package var matchers: [Matcher]
    /// Its place among the expression's selectors.
    package var ordinal: Int
    package var shift: TimeShift
}

/// `offset` and `@` of a selector or subquery.
package struct TimeShift: Hashable, Sendable {
    /// Into the past when positive.
    package var offset: PromDuration = .zero
    package var anchor: Anchor?

    package enum Anchor: Hashable, Sendable {
        /// `@ 1609746000`, in milliseconds.
        case time(Int64)
        case start
        case end
    }
}

/// `expr[range:step]`.
struct Subquery: Sendable {
    var node: Node
    var range: PromDuration
    /// nil: the default of ``EvaluationOptions/subqueryStep``.
    var step: PromDuration?
    var shift: TimeShift
}

struct Binary: Sendable {
    var operation: BinaryOperator
    var left: Node
    var right: Node
    var leftType: ValueType
    var rightType: ValueType
    /// `bool`: comparisons give 0 and 1 instead of filtering.
    var returnsBool: Bool
    var matching: VectorMatching
}

enum BinaryOperator: String, Hashable, Sendable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case modulo = "%"
    case power = "^"
    case atan2
    case equal = "=="
    case notEqual = "!="
    case greater = ">"
    case less = "<"
    case greaterOrEqual = ">="
    case lessOrEqual = "<="
    case and
    case or
    case unless

    var isComparison: Bool {
        switch self {
        case .equal, .notEqual, .greater, .less, .greaterOrEqual, .lessOrEqual: true
        default: false
        }
    }

    var isSetOperator: Bool { self == .and || self == .or || self == .unless }

    /// Higher binds tighter.
    var precedence: Int {
        switch self {
        case .or: 1
        case .and, .unless: 2
        case .equal, .notEqual, .greater, .less, .greaterOrEqual, .lessOrEqual: 3
        case .add, .subtract: 4
        case .multiply, .divide, .modulo, .atan2: 5
        case .power: 6
        }
    }
}

/// `on`/`ignoring` and `group_left`/`group_right`.
struct VectorMatching: Sendable {
    enum Cardinality: Sendable { case oneToOne, manyToOne, oneToMany }

    var cardinality = Cardinality.oneToOne
    /// `on` when true, `ignoring` when false.
    var isOn = false
    var labels: Set<String> = []
    /// Labels that the "one" side adds to the result.
    var included: [String] = []
}

struct Aggregation: Sendable {
    var operation: AggregationOperator
    var node: Node
    /// `k` of topk, the quantile, the label of count_values.
    var parameter: Node?
    var grouping: Set<String>
    var isWithout: Bool
}

enum AggregationOperator: String, Hashable, Sendable, CaseIterable {
    case sum, avg, min, max, count, group, stddev, stdvar, topk, bottomk, quantile
    case countValues = "count_values"

    /// The type of the parameter before the vector, where there is one.
    var parameterType: ValueType? {
        switch self {
        case .topk, .bottomk, .quantile: .scalar
        case .countValues: .string
        default: nil
        }
    }
}

struct Call: Sendable {
    var function: Function
    var arguments: [Node]
}
