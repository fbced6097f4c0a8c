import PlatformClient
import Runtime

/// Where `plumb up` talks to the person at the terminal.
package struct Console: Sendable {
    private let write: @Sendable (String) -> Void

    package init(write: @escaping @Sendable (String) -> Void = { StandardOutput.line($0) }) { self.write = write }

    package func line(_ text: String) { write(text) }

    /// A remark about what goes on.
    package func say(_ text: String) { write("plumb: \(text)") }

    /// One part is up.
    package func step(_ part: String, _ state: String) {
        write("  " + part + String(repeating: " ", count: max(1, 14 - part.count)) + state)
    }
}
