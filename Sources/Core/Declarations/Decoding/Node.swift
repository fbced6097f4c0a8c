/// A YAML document as a tree in which each node knows where it stands. Made by the adapter `Manifests`; duplicate keys
/// are kept, so that decoding can report each at its place.
package indirect enum Node: Sendable {
    /// `isPlain` is false for quoted and block scalars: those are always strings.
    case scalar(String, isPlain: Bool, Mark)
    case sequence([Node], Mark)
    case mapping([(key: Node, value: Node)], Mark)

    package var mark: Mark {
        switch self {
        case .scalar(_, _, let mark), .sequence(_, let mark), .mapping(_, let mark): mark
        }
    }
}

/// One YAML document of a manifest file.
package struct ManifestDocument: Sendable {
    package var file: String
    package var root: Node

    package init(file: String, root: Node) {
        self.file = file
        self.root = root
    }
}
