import Declarations

/// Texts that many values hold: each is kept once.
package struct SharedTexts: Sendable {
    private var known: Set<String> = []
    private var knownMaps: Set<[String: String]> = []

    package init() {}

    /// The text that came first of those that are equal to `text`.
    mutating func share(_ text: inout String) {
        // Short ones lie in the value itself.
        guard text.utf8.count > 15 else { return }
        let member: String = known.insert(text).memberAfterInsert
        if member.isTheSame(as: text) { text = member }
    }

    mutating func share(_ map: inout [String: String]) {
        let member: [String: String] = knownMaps.insert(map).memberAfterInsert
        if member.allSatisfy({ map[$0.key]?.isTheSame(as: $0.value) ?? false }) { map = member }
    }
}

extension String {
    /// Byte by byte: equal texts can be written with other characters.
    fileprivate func isTheSame(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}

extension StoredResource {
    /// The same value in a fraction of the memory, for who keeps a store of ten thousand to compare digests: the spec is
    /// kept as text, and what other resources say too (commit, file, author, session) is kept once.
    package func compact(_ texts: inout SharedTexts) -> StoredResource {
        var content: Content = content
        content.spec = content.spec.packed
        texts.share(&content.owner)
        if var applied {
            if applied.digest == digest { applied.digest = digest }
            texts.share(&applied.revision)
            content.applied = applied
        }
        if var source {
            texts.share(&source.commit)
            texts.share(&source.file)
            texts.share(&source.author)
            texts.share(&source.subject)
            content.source = source
        }
        if var changedBy {
            texts.share(&changedBy.details)
            content.changedBy = changedBy
        }
        return StoredResource(content)
    }
}
