import Compression
import Crypto
import Declarations
import Glibc
import Runtime
import Synchronization

/// Reads a backup from its beginning to its end. Every bit is covered by a digest: a backup that was changed or cut short
/// is found out, at the latest by ``finish()``.
package final class ArchiveReader: Sendable {
    private struct Member {
        var name: String
        var content: [UInt8]
    }

    private struct State: ~Copyable {
        var decompressor = ZstdDecompressor()
        var file: File
        /// Of the tar, not looked at yet.
        var buffer: ArraySlice<UInt8> = []
        var ahead: Member?
        var item: BackupItem?
        var folder = ""
        var hash = SHA256()
        var bytes = 0
        var parts = 0
        var records: [ItemRecord] = []
        var content = 0
    }

    private struct File: ~Copyable {
        let descriptor: Int32
        var position = 0

        deinit { close(descriptor) }
    }

    /// A frame holds at most one large member and what gathered before it.
    private static let mostInFrame = 80 << 20

    package let path: String
    package let header: BackupHeader
    /// Bytes of the file.
    package let size: Int
    private let state: Mutex<State>

    package init(_ path: String) throws {
        self.path = path
        let descriptor: Int32 = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Files.failure("read", path) }
        var state = State(file: File(descriptor: descriptor))
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw OperatorError("\(path) is no plain file: a backup is read twice, so save it to a file first")
        }
        size = Int(status.st_size)
        guard let first = try Self.member(&state, path), first.name == "backup.json" else {
            throw Self.damaged(path, state.file.position, "it does not begin as a backup does")
        }
        header = try Self.decode(first, path, state.file.position)
        self.state = Mutex(state)
    }

    /// How far the file is read, and how much content that was.
    package var progress: (read: Int, content: Int) { state.withLock { ($0.file.position, $0.content) } }

    /// The next item; nil after the last one. What is left of the present one is read first.
    package func next() throws -> BackupItem? {
        while try read() != nil {}
        return try state.withLock { state in
            guard let member = try peek(&state), member.name.hasSuffix("/head.json") else { return nil }
            state.ahead = nil
            let item: BackupItem = try Self.decode(member, path, state.file.position)
            state.item = item
            state.folder = String(member.name.dropLast("head.json".count))
            state.hash = SHA256()
            (state.bytes, state.parts) = (0, 0)
            return item
        }
    }

    /// The next part of the present item's content; nil at its end.
    package func read() throws -> [UInt8]? {
        try state.withLock { state in
            guard let item = state.item else { return nil }
            let number = "\(state.parts + 1)"
            let expected: String =
                state.folder + String(repeating: "0", count: max(0, 6 - number.count)) + number
            if let member = try peek(&state), member.name == expected {
                state.ahead = nil
                state.parts += 1
                state.hash.update(data: member.content)
                state.bytes += member.content.count
                state.content += member.content.count
                return member.content
            }
            state.records.append(
                ItemRecord(
                    item: item, bytes: state.bytes, rows: nil, digest: hexadecimal(Array(state.hash.finalize()))))
            state.item = nil
            return nil
        }
    }

    /// Reads what is left and compares everything with the manifest. Gives the manifest.
    package func finish() throws -> BackupManifest {
        while try next() != nil {}
        return try state.withLock { state in
            guard let last = try peek(&state), last.name == "manifest.json" else {
                throw damaged(state, "the manifest is missing: it was cut short")
            }
            state.ahead = nil
            let seal: String = "\(hexadecimal(Digests.sha256(last.content)))  manifest.json\n"
            guard let sealed = try peek(&state), sealed.name == "manifest.sha256", sealed.content == Array(seal.utf8)
            else { throw damaged(state, "the manifest is not the one that was written") }
            state.ahead = nil
            let manifest: BackupManifest = try Self.decode(last, path, state.file.position)
            let found: [ItemRecord] = state.records
            let written: [ItemRecord] = manifest.items.map { record in
                var plain: ItemRecord = record
                plain.rows = nil
                return plain
            }
            for (one, other) in zip(found, written) where one != other {
                throw damaged(state, "\(other.item.title) is not what was written")
            }
            guard found.count == written.count else {
                throw damaged(state, "\(found.count) of \(written.count) items are there")
            }
            try checkEnd(&state)
            return manifest
        }
    }

    /// Two blocks of zeros, and nothing after them.
    private func checkEnd(_ state: inout State) throws {
        guard state.buffer.count == 2 * TarHeader.blockSize, state.buffer.allSatisfy({ $0 == 0 }),
            state.file.position == size
        else { throw damaged(state, "something follows its end") }
    }

    private func peek(_ state: inout State) throws -> Member? {
        if state.ahead == nil { state.ahead = try Self.member(&state, path) }
        return state.ahead
    }

    private func damaged(_ state: borrowing State, _ what: String) -> OperatorError {
        Self.damaged(path, state.file.position, what)
    }

    // MARK: Members and frames

    /// Nil at the archive's end.
    private static func member(_ state: inout State, _ path: String) throws -> Member? {
        if state.buffer.isEmpty, try !readFrame(&state, path) { return nil }
        let block: ArraySlice<UInt8> = state.buffer.prefix(TarHeader.blockSize)
        if block.allSatisfy({ $0 == 0 }) { return nil }
        guard let header = TarHeader(block) else {
            throw damaged(path, state.file.position, "a member's header makes no sense")
        }
        let length: Int = TarHeader.blockSize + header.size + TarHeader.padding(after: header.size)
        guard length <= state.buffer.count else {
            throw damaged(path, state.file.position, "the member \(header.name) is longer than its frame")
        }
        let content: ArraySlice<UInt8> = state.buffer.dropFirst(TarHeader.blockSize).prefix(header.size)
        defer { state.buffer = state.buffer.dropFirst(length) }
        return Member(name: header.name, content: Array(content))
    }

    /// False at the end of the file.
    private static func readFrame(_ state: inout State, _ path: String) throws -> Bool {
        let head: [UInt8] = try bytes(FrameHeader.length, &state, path)
        if head.isEmpty { return false }
        guard let header = FrameHeader(head) else {
            throw damaged(path, state.file.position, "a frame does not begin as Plumbline's do")
        }
        let frame: [UInt8] = try bytes(header.frameLength, &state, path)
        guard frame.count == header.frameLength else {
            throw damaged(path, state.file.position, "it ends in the middle of a frame: it was cut short")
        }
        guard Digests.sha256(frame) == header.digest else {
            throw damaged(path, state.file.position, "a frame's SHA-256 is not the one that was written")
        }
        do { state.buffer = try state.decompressor.decompress(frame, atMost: mostInFrame)[...] } catch {
            throw damaged(path, state.file.position, "\(error)")
        }
        return true
    }

    /// Up to `count` bytes of the file; fewer only at its end.
    private static func bytes(_ count: Int, _ state: inout State, _ path: String) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let more: Int = bytes[filled...].withUnsafeMutableBytes {
                Glibc.read(state.file.descriptor, $0.baseAddress, $0.count)
            }
            if more < 0 {
                if errno == EINTR { continue }
                throw Files.failure("read", path)
            }
            if more == 0 { break }
            filled += more
        }
        state.file.position += filled
        bytes.removeLast(count - filled)
        return bytes
    }

    private static func decode<Value: JSONCodable>(
        _ member: Member, _ path: String, _ position: Int
    ) throws -> Value {
        do { return try Value(parsing: member.content) } catch {
            throw OperatorError("\(path): \(member.name): \(error)")
        }
    }

    private static func damaged(_ path: String, _ position: Int, _ what: String) -> OperatorError {
        OperatorError(
            "\(path) is damaged (before byte \(position)): \(what). Nothing was changed; use another backup")
    }
}
