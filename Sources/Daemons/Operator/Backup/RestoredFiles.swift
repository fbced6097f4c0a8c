import Glibc
import PlatformClient
import Runtime

/// Puts the files of a backup into a data directory that is being made.
struct RestoredFiles: Sendable {
    let made: DataDirectory
    /// Where it will be.
    let target: DataDirectory
    let header: BackupHeader

    func take(_ item: BackupItem, _ reader: ArchiveReader) async throws {
        switch item {
        case .file(let path, let mode): try takeFile(path, mode, reader)
        case .repository: try await takeRepository(reader)
        case .schema, .sequences, .table: break
        }
    }

    private func takeFile(_ path: String, _ mode: UInt32, _ reader: ArchiveReader) throws {
        // The names come from a file: none of them leads out of the directory, or to what is made in another way.
        let parts: [Substring] = path.split(separator: "/", omittingEmptySubsequences: false)
        guard !parts.contains(""), !parts.contains("."), !parts.contains(".."), CarriedFiles.isCarried(path) else {
            throw OperatorError("\(reader.path): \"\(path)\" is no file of a data directory")
        }
        let place = "\(made.path)/\(path)"
        // A folder is as open as the first file in it.
        try Files.createFolder(Files.parent(of: place), mode: 0o700 | (mode & 0o044) | ((mode & 0o044) >> 2))
        try pour(reader, into: place, mode: mode)
    }

    /// Writes the present item's content as a new file.
    private func pour(_ reader: ArchiveReader, into path: String, mode: UInt32) throws {
        let descriptor: Int32 = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode_t(mode))
        guard descriptor >= 0 else { throw Files.failure("write", path) }
        defer { close(descriptor) }
        guard fchmod(descriptor, mode_t(mode)) == 0 else { throw Files.failure("set the mode of", path) }
        while let part = try reader.read() { try writeAll(part, to: descriptor, named: path) }
        guard fsync(descriptor) == 0 else { throw Files.failure("write", path) }
    }

    private func takeRepository(_ reader: ArchiveReader) async throws {
        try await withTemporaryFile { file in
            try pour(reader, into: file, mode: 0o600)
            try await ConfigRepository(path: made.configRepository).create(fromBundle: file)
        }
    }

    /// The bootstrap config of gitops-sync names the directory that was backed up: it must not be followed, or written to,
    /// by the restored one.
    func finish() throws {
        guard Files.exists(made.syncConfig) else { return }
        var text: String = try Files.text(made.syncConfig)
        let sockets: RuntimeDirectory = .standard(for: target)
        for (old, new) in [(header.runtimeDirectory, sockets.path), (header.dataDirectory, target.path)] {
            if let old, old != new { text = Self.replacing(old, by: new, in: text) }
        }
        var status = stat()
        let mode: UInt32 = stat(made.syncConfig, &status) == 0 ? status.st_mode & 0o7777 : 0o644
        try Files.write(text.utf8, to: made.syncConfig, mode: mode)
    }

    /// Replaces a path where it stands as a whole: `/data` in `/data/x`, not in `/database`.
    static func replacing(_ old: String, by new: String, in text: String) -> String {
        guard !old.isEmpty else { return text }
        let (bytes, pattern): ([UInt8], [UInt8]) = (Array(text.utf8), Array(old.utf8))
        var result: [UInt8] = []
        var position = 0
        while position < bytes.count {
            let end: Int = position + pattern.count
            let isEnded: Bool = end >= bytes.count || !Self.isOfName(bytes[end])
            if end <= bytes.count, isEnded, bytes[position..<end].elementsEqual(pattern) {
                result += Array(new.utf8)
                position = end
            } else {
                result.append(bytes[position])
                position += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func isOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
            true
        default: byte >= 0x80
        }
    }
}
