/// Why a text is not a regular expression.
package struct PatternError: Error, Hashable, Sendable, CustomStringConvertible {
    package var message: String
    package var pattern: String

    package var description: String { "error parsing regexp: \(message): `\(pattern)`" }
}
