package import Declarations
import Glibc
package import Pipelines
import Runtime
import Telemetry

/// Files of newline-delimited JSON that grow at their end, in order of their names.
///
/// Nothing is marked in the files: the position, which is committed with the events, says how far each was read. A file
/// is known by its inode and beginning, so that one which was replaced or cut is read anew. A last line without line feed
/// is still being written and waits.
package struct FileSource: PipelineSource {
    package let acknowledges = false

    private let folder: String
    private let pattern: Glob

    /// Bytes of a page, and of the longest line: what is longer cannot be an event.
    private static let pageBytes = 8 << 20
    private static let longestLine = 20 << 20

    package init(_ spec: PipelineSpec.File) {
        let slash: String.Index = spec.path.lastIndex(of: "/") ?? spec.path.startIndex
        folder = slash == spec.path.startIndex ? "/" : String(spec.path[..<slash])
        pattern = Glob(String(spec.path[spec.path.index(after: slash)...]))
    }

    package func page(after position: String?, limit: Int) async throws(SourceError) -> SourcePage {
        var places: FilePlaces = FilePlaces(position)
        let files: [String] = try names()
        places.keep(files)
        var documents: [SourceDocument] = []
        var room: Int = Self.pageBytes
        for name in files where documents.count < limit && room > 0 {
            guard let file = OpenFile(path: "\(folder)/\(name)") else { continue }
            let start: Int = places.start(of: name, file)
            let lines: Lines = try Self.lines(of: file, from: start, limit: limit - documents.count, room: room)
            for line in lines.items { documents.append(Self.document(line, name)) }
            room -= lines.end - start
            places.set(name, file, offset: lines.end)
        }
        return SourcePage(documents: documents, position: places.text)
    }

    package func acknowledge(_ ids: [DocumentID]) async throws(SourceError) -> Int { 0 }

    package func backlog(after position: String?) async throws(SourceError) -> SourceBacklog {
        // Lines are not counted: files can be long. Whether anything waits, and since when at most, is known.
        let places = FilePlaces(position)
        var waiting = 0
        var oldest: Double?
        for name in try names() {
            guard let file = OpenFile(path: "\(folder)/\(name)"), places.start(of: name, file) < file.size else {
                continue
            }
            waiting += 1
            oldest = min(oldest ?? file.modifiedSeconds, file.modifiedSeconds)
        }
        return SourceBacklog(documents: waiting, oldestSeconds: oldest)
    }

    package func close() async {}

    // MARK: Reading

    private func names() throws(SourceError) -> [String] {
        guard let directory = opendir(folder) else {
            throw SourceError(
                .misconfigured, "cannot read the folder \(folder): \(String(cString: strerror(errno)))")
        }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name: String = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix("."), pattern.matches(name) { names.append(name) }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    private struct Line {
        var offset: Int
        var bytes: ArraySlice<UInt8>
        var isTooLong = false
    }

    private struct Lines {
        var items: [Line] = []
        /// Behind the last whole line.
        var end: Int
    }

    private static func lines(
        of file: OpenFile, from start: Int, limit: Int, room: Int
    ) throws(SourceError) -> Lines {
        var lines = Lines(end: start)
        var bytes: [UInt8] = try file.read(from: start, count: min(max(room, 4096), file.size - start))
        if !bytes.isEmpty, !bytes.contains(UInt8(ascii: "\n")), start + bytes.count < file.size {
            bytes = try file.read(from: start, count: min(longestLine, file.size - start))
            if !bytes.contains(UInt8(ascii: "\n")), bytes.count == longestLine {
                lines.items.append(Line(offset: start, bytes: bytes[...], isTooLong: true))
                lines.end = start + bytes.count
                return lines
            }
        }
        var position = 0
        while lines.items.count < limit, let end = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) {
            let line: ArraySlice<UInt8> = bytes[position..<end]
            if line.contains(where: { $0 != 0x20 && $0 != 0x09 && $0 != 0x0D }) {
                lines.items.append(Line(offset: start + position, bytes: line))
            }
            position = end + 1
        }
        lines.end = start + position
        return lines
    }

    /// A line's id is its place and content: the same when it is read again after a crash, another when the file was
    /// replaced.
    private static func document(_ line: Line, _ name: String) -> SourceDocument {
        let digest: String = hexadecimal(Digests.sha256(Array(line.bytes)).prefix(8))
        let key = "\(name):\(line.offset):\(digest)"
        return SourceDocument(id: DocumentID(.string(key), sourceForm: key), body: body(line))
    }

    private static func body(_ line: Line) -> SourceDocument.Body {
        // Decoding replaces invalid UTF-8, so that one bad byte does not cost the document.
        let text = String(decoding: line.bytes, as: UTF8.self)
        let excerpt = String(text.unicodeScalars.prefix(1000))
        if line.isTooLong {
            return .unreadable(reason: "a line longer than \(longestLine) bytes", excerpt: excerpt)
        }
        let json: JSONValue
        do { json = try JSONValue(parsing: text) } catch {
            return .unreadable(reason: "not JSON: column \(error.column): \(error.message)", excerpt: excerpt)
        }
        guard case .object = json else { return .unreadable(reason: "not an object", excerpt: excerpt) }
        return .value(DocumentValue(extended: json))
    }
}
