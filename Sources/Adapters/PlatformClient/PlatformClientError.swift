/// Why a platform could not be found or asked. The message names the thing, the value and the remedy.
package struct PlatformClientError: Error, Hashable, Sendable, CustomStringConvertible {
    package var message: String

    package init(_ message: String) { self.message = message }

    package var description: String { message }
}
