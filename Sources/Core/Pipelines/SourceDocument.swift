/// One document of a source, as it was found.
package struct SourceDocument: Hashable, Sendable {
    package var id: DocumentID
    package var body: Body

    package enum Body: Hashable, Sendable {
        /// The document, always an object. Invalid UTF-8 in texts is replaced by U+FFFD.
        case value(DocumentValue)
        /// Bytes that are no document: becomes a dead letter with this reason, and `excerpt`, its beginning.
        case unreadable(reason: String, excerpt: String)
    }

    package init(id: DocumentID, body: Body) {
        self.id = id
        self.body = body
    }
}

/// What tells one document of a source from all others, type included: the text "507f…" and the object id 507f… are two.
package struct DocumentID: Hashable, Sendable {
    package var value: DocumentValue
    /// How the source itself writes the id, where it must be able to read it back for acknowledging (MongoDB: canonical
    /// extended JSON of the `_id`, such as `{"$oid":"507f1f77bcf86cd799439011"}`). Opaque to everybody else.
    package var sourceForm: String

    package init(_ value: DocumentValue, sourceForm: String) {
        self.value = value
        self.sourceForm = sourceForm
    }

    /// The id as text, different for different ids: object ids as their hex digits, texts as they are unless that could
    /// be taken for something else, all others in the source's form.
    package var key: String {
        switch value {
        case .objectID(let hex): hex
        case .string(let text):
            isAmbiguous(text) ? "string:\(withoutNUL(text))" : withoutNUL(text)
        default: withoutNUL(sourceForm)
        }
    }

    private func isAmbiguous(_ text: String) -> Bool {
        let bytes = text.utf8
        if bytes.starts(with: "string:".utf8) || bytes.first == UInt8(ascii: "{") || bytes.isEmpty { return true }
        return bytes.count == 24
            && bytes.allSatisfy {
                ($0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9"))
                    || ($0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "f"))
            }
    }
}

/// Documents of a source in its order, and where to go on.
package struct SourcePage: Hashable, Sendable {
    /// Empty when the source is drained.
    package var documents: [SourceDocument]
    /// Opaque text of the source: the place behind the last of `documents`. Given back to read the next page, also by a
    /// later process.
    package var position: String

    package init(documents: [SourceDocument], position: String) {
        self.documents = documents
        self.position = position
    }
}

/// What waits at a source.
package struct SourceBacklog: Hashable, Sendable {
    package var documents: Int
    /// When the oldest of them was made, in seconds since 1970, where the source knows; nil also when none waits.
    package var oldestSeconds: Double?

    package init(documents: Int, oldestSeconds: Double?) {
        self.documents = documents
        self.oldestSeconds = oldestSeconds
    }
}

/// Why a source could not be read or acknowledged.
package struct SourceError: Error, Hashable, Sendable, CustomStringConvertible {
    package var kind: Kind
    /// For people, naming the address, file or collection and the remedy. Without credentials.
    package var message: String

    package enum Kind: String, Hashable, Sendable {
        /// Nobody answers, or not in time: tried again at the next run.
        case unreachable
        /// The source answers and refuses: credentials or rights.
        case refused
        /// The spec cannot be right: a bad address, no such file or collection.
        case misconfigured
        /// Anything else the source said.
        case failed
    }

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    package var description: String { message }
}
