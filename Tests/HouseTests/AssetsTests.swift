import Assets
import Glibc
import Testing

@Suite struct AssetsTests {
    /// The repository, from where this file was when it was compiled.
    private static let root: String = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
        .joined(separator: "/")

    private static let embedded: [String: [Asset]] = [
        "migrations": Assets.migrations, "manifests": Assets.manifests,
        "Sources/Core/Assets/Dashboard": Assets.dashboard, "Sources/Core/Assets/Page": Assets.page,
    ]

    @Test(arguments: embedded.keys.sorted())
    func `the embedded files are the files of the repository (else: make assets)`(folder: String) throws {
        let assets: [Asset] = try #require(Self.embedded[folder])
        let files: [String] = Self.files(below: folder).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        let paths: [String] = assets.map(\.path)
        #expect(!paths.isEmpty)
        #expect(paths == files)
        for asset in assets {
            let isCurrent: Bool = try asset.bytes == Self.content(of: asset.path)
            #expect(isCurrent, "\(asset.path) has changed")
        }
    }

    private static func files(below folder: String) -> [String] {
        guard let directory = opendir("\(root)/\(folder)") else { return [] }
        defer { closedir(directory) }
        var found: [String] = []
        while let entry = readdir(directory) {
            let name: String = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard !name.hasPrefix(".") else { continue }
            let path = "\(folder)/\(name)"
            let isDirectory: Bool = entry.pointee.d_type == UInt8(DT_DIR)
            found += isDirectory ? files(below: path) : [path]
        }
        return found
    }

    private static func content(of path: String) throws -> [UInt8] {
        let file = try #require(fopen("\(root)/\(path)", "r"), "\(path) cannot be read")
        defer { fclose(file) }
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count: Int = fread(&buffer, 1, buffer.count, file)
            if count == 0 { return content }
            content += buffer.prefix(count)
        }
    }
}
