/// A file of the repository that the programs carry inside: they need no files beside them.
package struct Asset: Sendable {
    /// Relative to the repository, `migrations/0001_config.sql`.
    package let path: String
    private let text: StaticString

    init(path: String, text: StaticString) {
        self.path = path
        self.text = text
    }

    package var contents: String { text.description }
    package var bytes: [UInt8] { Array(text.description.utf8) }
}

/// The files that are embedded, by folder. Written by `scripts/generate-assets`; a test holds them to their sources.
package enum Assets {}
