import Declarations
import Glibc
import Pipelines
import Runtime

/// How far each file was read: the position of a ``FileSource``, as text
/// `{"a.ndjson": {"inode": "7", "head": "…", "offset": 120}}`.
struct FilePlaces {
    private struct Place {
        var inode: String
        /// Digest of the file's first bytes, at most ``headBytes`` and no more than were read.
        var head: String
        var offset: Int
    }

    private static let headBytes = 256

    private var places: [String: Place] = [:]

    init(_ text: String?) {
        guard let text, let json = try? JSONValue(parsing: text) else { return }
        for (name, place) in json.object ?? [:] {
            guard let inode = place["inode"]?.string, let head = place["head"]?.string,
                let offset = place["offset"]?.integer
            else { continue }
            places[name] = Place(inode: inode, head: head, offset: offset)
        }
    }

    var text: String {
        JSONValue.object(
            places.mapValues {
                ["inode": .string($0.inode), "head": .string($0.head), "offset": .integer($0.offset)]
            }
        ).canonicalText
    }

    /// Forgets files that are gone.
    mutating func keep(_ names: [String]) {
        let present: Set<String> = Set(names)
        places = places.filter { present.contains($0.key) }
    }

    /// Where to go on in a file; its beginning where it is not the file that was read before.
    func start(of name: String, _ file: OpenFile) -> Int {
        guard let place = places[name], place.inode == file.inode, place.offset <= file.size,
            place.head == Self.head(of: file, read: place.offset)
        else { return 0 }
        return place.offset
    }

    mutating func set(_ name: String, _ file: OpenFile, offset: Int) {
        places[name] = Place(inode: file.inode, head: Self.head(of: file, read: offset), offset: offset)
    }

    private static func head(of file: OpenFile, read: Int) -> String {
        let bytes: [UInt8] = (try? file.read(from: 0, count: min(headBytes, read))) ?? []
        return hexadecimal(Digests.sha256(bytes).prefix(8))
    }
}

/// A file that is open for reading, with its size at that moment.
final class OpenFile {
    let path: String
    let size: Int
    let inode: String
    let modifiedSeconds: Double
    private let descriptor: Int32

    /// Nil where there is none, or it is no plain file.
    init?(path: String) {
        let opened: Int32 = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard opened >= 0 else { return nil }
        var status = stat()
        guard fstat(opened, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            Glibc.close(opened)
            return nil
        }
        self.path = path
        descriptor = opened
        size = Int(status.st_size)
        inode = "\(status.st_dev):\(status.st_ino)"
        modifiedSeconds = Double(status.st_mtim.tv_sec)
    }

    deinit { Glibc.close(descriptor) }

    /// At most `count` bytes from `offset`; fewer at the file's end.
    func read(from offset: Int, count: Int) throws(SourceError) -> [UInt8] {
        guard count > 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let got: Int = bytes.withUnsafeMutableBytes { buffer in
                pread(descriptor, buffer.baseAddress?.advanced(by: filled), count - filled, off_t(offset + filled))
            }
            if got < 0 {
                if errno == EINTR { continue }
                throw SourceError(.failed, "cannot read \(path): \(String(cString: strerror(errno)))")
            }
            if got == 0 { break }
            filled += got
        }
        return Array(bytes.prefix(filled))
    }
}
