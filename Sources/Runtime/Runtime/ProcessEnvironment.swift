import Glibc

/// The variables of this process.
package enum ProcessEnvironment {
    /// The variable's value; nil where it is not set or empty.
    @Sendable package static func value(_ name: String) -> String? {
        guard let pointer = getenv(name) else { return nil }
        let value = String(cString: pointer)
        return value.isEmpty ? nil : value
    }
}
