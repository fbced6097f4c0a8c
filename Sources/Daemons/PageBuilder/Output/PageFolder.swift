import Declarations
import Glibc
import Runtime

/// The folder that a page is written to.
///
/// A list of its own files, with their digests, lies in it. So what somebody else put there is neither overwritten nor
/// removed, and what an earlier build wrote and this one does not goes.
package struct PageFolder: Sendable {
    package let path: String

    package init(_ path: String) { self.path = path }

    package static let listFile = ".plumb-page.json"

    /// What a write changed, for people and tests.
    package struct Outcome: Hashable, Sendable {
        package var written: [String] = []
        package var removed: [String] = []
        /// Files of an earlier build that somebody changed since, and that therefore stay.
        package var kept: [String] = []

        package init() {}
    }

    /// Replaces the page: each file as a whole, the pages after what they refer to. A file that holds the right bytes is
    /// not touched.
    @discardableResult
    package func write(_ files: [String: [UInt8]]) throws -> Outcome {
        try Files.createFolder(path)
        let earlier: [String: String] = list()
        for name in files.keys.sorted() where earlier[name] == nil && Files.exists("\(path)/\(name)") {
            guard try Files.read("\(path)/\(name)", limit: 64 << 20) == files[name] else {
                throw PageFolderError(
                    "\(path)/\(name) is there already and was not written by plumb-page; choose an empty folder with "
                        + "--output, or move the file away")
            }
        }
        // Before the files: what is written and not listed could never be written again.
        var listed: [String: String] = earlier
        for (name, bytes) in files { listed[name] = hexadecimal(Digests.sha256(bytes)) }
        try save(listed)
        var outcome = Outcome()
        for name in files.keys.sorted(by: Self.isWrittenBefore) {
            let bytes: [UInt8] = files[name] ?? []
            if (try? Files.read("\(path)/\(name)", limit: 64 << 20)) == bytes { continue }
            try Files.write(bytes, to: "\(path)/\(name)")
            outcome.written.append(name)
        }
        for name in earlier.keys.sorted() where files[name] == nil {
            try remove(name, digest: earlier[name] ?? "", &outcome)
        }
        try save(listed.filter { files[$0.key] != nil })
        return outcome
    }

    /// Takes the page down: its own files go but its data, so that a page that comes back has its history.
    @discardableResult
    package func takeDown() throws -> Outcome {
        var outcome = Outcome()
        let earlier: [String: String] = list()
        for name in earlier.keys.sorted() where name != PageRenderer.dataFile {
            try remove(name, digest: earlier[name] ?? "", &outcome)
        }
        if !outcome.removed.isEmpty { try save(earlier.filter { $0.key == PageRenderer.dataFile }) }
        return outcome
    }

    /// The data of the page that lies here; nil where there is none of this program's.
    package func snapshot() throws -> PageSnapshot? {
        let file = "\(path)/\(PageRenderer.dataFile)"
        guard Files.exists(file) else { return nil }
        do { return try PageSnapshot(parsing: try Files.read(file, limit: 64 << 20)) } catch {
            throw PageFolderError("\(file) does not hold a page's data: \(error); move it away to begin anew")
        }
    }

    /// Whether a page of this program is up here.
    package var isUp: Bool { list()["index.html"] != nil }

    private func remove(_ name: String, digest: String, _ outcome: inout Outcome) throws {
        guard let present = try? Files.read("\(path)/\(name)", limit: 64 << 20) else { return }
        guard hexadecimal(Digests.sha256(present)) == digest else {
            outcome.kept.append(name)
            return
        }
        guard unlink("\(path)/\(name)") == 0 || errno == ENOENT else {
            throw Files.failure("remove", "\(path)/\(name)")
        }
        outcome.removed.append(name)
    }

    /// Pages come last, so that a reader never sees one whose style is not there; the data before them, so that a build
    /// that was cut short is continued.
    private static func isWrittenBefore(_ left: String, _ right: String) -> Bool {
        (left.hasSuffix(".html") ? 1 : 0, left) < (right.hasSuffix(".html") ? 1 : 0, right)
    }

    /// Digest by file name. Names that lead out of the folder are not ours.
    private func list() -> [String: String] {
        guard let bytes = try? Files.read("\(path)/\(Self.listFile)"), let json = try? JSONValue(parsing: bytes),
            let files = json["files"]?.object
        else { return [:] }
        return files.compactMapValues(\.string).filter { !$0.key.contains("/") && !$0.key.hasPrefix(".") }
    }

    private func save(_ files: [String: String]) throws {
        let json: JSONValue = ["version": 1, "files": files.json]
        try Files.write(json.canonical + [UInt8(ascii: "\n")], to: "\(path)/\(Self.listFile)")
    }
}

/// Why a page cannot be written to a folder, and what to do.
package struct PageFolderError: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }
}
