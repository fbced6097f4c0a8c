package import Declarations

/// A resource that goes or comes, with its normal form.
package struct NamedSpec: Hashable, Sendable {
    package var key: ResourceKey
    package var spec: JSONValue

    package init(_ key: ResourceKey, _ spec: JSONValue) {
        self.key = key
        self.spec = spec
    }
}

/// Pairs each deletion with a creation of the same kind and spec in the same commit: a new name for the same thing. One
/// deletion is one rename, in the order of names. Gives the new key by the old one.
package func renames(deleted: [NamedSpec], created: [NamedSpec]) -> [ResourceKey: ResourceKey] {
    guard !deleted.isEmpty, !created.isEmpty else { return [:] }
    var waiting: [Content: [ResourceKey]] = [:]
    for new in created.sorted(by: { $1.key < $0.key }) { waiting[Content(new), default: []].append(new.key) }
    var pairs: [ResourceKey: ResourceKey] = [:]
    for old in deleted.sorted(by: { $0.key < $1.key }) {
        if let new = waiting[Content(old)]?.popLast() { pairs[old.key] = new }
    }
    return pairs
}

private struct Content: Hashable {
    let kind: ResourceKind
    let spec: JSONValue

    init(_ named: NamedSpec) {
        kind = named.key.kind
        spec = named.spec
    }
}
