/// Why a command or the daemon cannot go on, in words for a person.
package struct SyncError: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }
}
