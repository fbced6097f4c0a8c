/// Why a query has no answer.
package struct PromQLError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: Hashable, Sendable {
        /// The text is not an expression; `position` says where.
        case syntax
        /// The expression has no meaning over these series, such as many-to-many matching.
        case execution
        /// A limit would be passed; the message names it.
        case limit
        /// The caller's deadline passed while evaluating.
        case cancelled
    }

    package var kind: Kind
    package var message: String
    /// Where in the query, for syntax errors.
    package var position: Position?

    package init(_ kind: Kind, _ message: String, at position: Position? = nil) {
        self.kind = kind
        self.message = message
        self.position = position
    }

    /// `1:7: parse error: …`, as Prometheus words it; the message alone where there is no position.
    package var description: String {
        guard let position else { return message }
        return "\(position): parse error: \(message)"
    }
}

/// A place in a query: line and column from 1, columns in characters (Unicode scalars).
package struct Position: Hashable, Sendable, CustomStringConvertible {
    package var line: Int
    package var column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    package var description: String { "\(line):\(column)" }
}
