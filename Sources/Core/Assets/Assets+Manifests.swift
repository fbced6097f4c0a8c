// Written by scripts/generate-assets from manifests/. Do not edit.
// swift-format-ignore-file

extension Assets {
    /// The files of `manifests/`, sorted by path.
    package static let manifests: [Asset] = [
    ]
}
