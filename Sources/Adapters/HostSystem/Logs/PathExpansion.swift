package import Declarations
import Glibc
import Runtime

/// The paths that exist now and that a glob names.
package struct PathExpansion: Sendable {
    /// Paths of one glob; what goes beyond is left out and said.
    package static let mostPaths = 10_000
    /// Folders below one another that `**` looks into.
    private static let deepest = 12

    package private(set) var paths: [String] = []
    /// Folders that could not be listed, apart from those that are not there.
    package private(set) var problems: [String] = []
    /// Every folder that was listed, as it was just before; nil where there was none. As long as all of them stay, another
    /// expansion gives the same paths.
    package private(set) var folders: [String: FolderStamp?] = [:]

    package init(_ glob: PathGlob) {
        walk("", glob.steps[...], depth: 0)
        if paths.count >= Self.mostPaths { problems.append("more than \(Self.mostPaths) files; the rest is left out") }
    }

    private mutating func walk(_ folder: String, _ steps: ArraySlice<PathGlob.Step>, depth: Int) {
        guard let step = steps.first, paths.count < Self.mostPaths else { return }
        let rest: ArraySlice<PathGlob.Step> = steps.dropFirst()
        switch step {
        case .name(let name):
            rest.isEmpty ? add("\(folder)/\(name)") : walk("\(folder)/\(name)", rest, depth: depth)
        case .glob:
            for name in names(in: folder) where step.matches(name) {
                rest.isEmpty ? add("\(folder)/\(name)") : walk("\(folder)/\(name)", rest, depth: depth)
            }
        case .anyFolders:
            walk(folder, rest, depth: depth)
            guard depth < Self.deepest else { return }
            for name in names(in: folder) where step.matches(name) && isFolder("\(folder)/\(name)") {
                walk("\(folder)/\(name)", steps, depth: depth + 1)
            }
        }
    }

    private mutating func add(_ path: String) {
        if paths.count < Self.mostPaths { paths.append(path) }
    }

    private mutating func names(in folder: String) -> [String] {
        let folder: String = folder.isEmpty ? "/" : folder
        folders.updateValue(FolderStamp(folder), forKey: folder)
        do throws(FileError) { return try LinuxHostFiles().list(folder).sorted() } catch {
            // A part of the path may be a file for some of the names: that is no problem of anybody.
            if !error.isMissing, error.code != ENOTDIR { problems.append(error.description) }
            return []
        }
    }

    /// A real folder: links are not followed, so that a loop of them ends.
    private func isFolder(_ path: String) -> Bool {
        var answer = stat()
        return lstat(path, &answer) == 0 && answer.st_mode & S_IFMT == S_IFDIR
    }
}
