/// A JSON value as a tree, or as text from which the tree is made each time that somebody asks: what is compared by its
/// digest and seldom looked at takes a tenth of the memory as text.
package struct DeferredJSON: Sendable {
    private enum Form: Sendable {
        case tree(JSONValue)
        /// Canonical.
        case text([UInt8])
    }

    private let form: Form

    /// Keeps the tree.
    package init(_ value: JSONValue) { form = .tree(value) }

    private init(text: [UInt8]) { form = .text(text) }

    /// The same value, kept as text.
    package var packed: DeferredJSON {
        switch form {
        // A copy, because what grows by appending has room for more.
        case .tree(let value): DeferredJSON(text: Array(value.canonical[...]))
        case .text: self
        }
    }

    package var value: JSONValue {
        switch form {
        case .tree(let value): return value
        case .text(let text):
            do { return try JSONValue(parsing: text) } catch { preconditionFailure("not our own text: \(error)") }
        }
    }

    /// RFC 8785.
    private var canonical: [UInt8] {
        switch form {
        case .tree(let value): value.canonical
        case .text(let text): text
        }
    }
}

extension DeferredJSON: Hashable {
    package static func == (left: DeferredJSON, right: DeferredJSON) -> Bool {
        switch (left.form, right.form) {
        case (.tree(let left), .tree(let right)): left == right
        case (.text(let left), .text(let right)): left == right
        case (.tree, .text), (.text, .tree): left.canonical == right.canonical
        }
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(canonical) }
}
