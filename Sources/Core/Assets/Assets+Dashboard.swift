// Written by scripts/generate-assets from dashboard/. Do not edit.
// swift-format-ignore-file

extension Assets {
    /// The files of `dashboard/`, sorted by path.
    package static let dashboard: [Asset] = [
    ]
}
