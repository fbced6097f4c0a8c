/// Why bytes are not a block: they are damaged, or of a version that this program does not know.
package struct BlockError: Error, Hashable, Sendable, CustomStringConvertible {
    package let reason: String

    package init(_ reason: String) { self.reason = reason }

    package var description: String { "a sealed block cannot be read: \(reason)" }
}
