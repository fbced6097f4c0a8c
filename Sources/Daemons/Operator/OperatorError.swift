/// Why a command of `plumb` could not do what it was asked. The message names the thing, the value and the remedy.
package struct OperatorError: Error, Hashable, Sendable, CustomStringConvertible {
    package var message: String

    package init(_ message: String) { self.message = message }

    package var description: String { message }
}
