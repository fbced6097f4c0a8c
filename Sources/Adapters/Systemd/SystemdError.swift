/// systemd, or the helper that speaks to it, did not do what was asked.
package struct SystemdError: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String
    /// Nothing can be said of what was done: there was no answer.
    package var isUnknown: Bool

    package init(_ description: String, isUnknown: Bool = false) {
        self.description = description
        self.isUnknown = isUnknown
    }
}
