/// Prometheus' query language: text to an ``Expression``, an expression and series to a ``QueryResult``.
///
/// `Language/` holds lexer, parser and tree, `Patterns/` regular expressions of matchers, `Evaluation/` what an
/// expression means. Nothing here reads, waits or looks at a clock: an expression says which series it needs
/// (``Expression/selections(over:)``), the caller loads them, and ``Expression/evaluate(over:data:options:)`` is a
/// function of its arguments.
package enum PromQL {
    /// The longest query that is read, in bytes.
    package static let longestQuery = 64 << 10

    /// Reads and type-checks one expression. Every error has the position of what is wrong.
    package static func parse(_ text: String) throws(PromQLError) -> Expression {
        guard text.utf8.count <= longestQuery else {
            throw PromQLError(
                .syntax, "the query has \(text.utf8.count) bytes; at most \(longestQuery) are read",
                at: Position(line: 1, column: 1))
        }
        var lexer = Lexer(text)
        var parser = Parser(try lexer.tokens())
        return try parser.expression()
    }
}
