import Compression
import Crypto
package import Database
import Declarations
import Glibc
import Runtime
import Synchronization

/// Writes a backup, from its beginning to its end, to a descriptor that need not be a file.
///
/// A backup is a tar inside zstd frames, each behind a ``FrameHeader``. Members: `backup.json`; for each item
/// `NUMBER-LABEL/head.json` and its content in parts, because a tar wants to know how long a member is and a stream does
/// not; `manifest.json`; `manifest.sha256`.
package final class ArchiveWriter: Sendable {
    /// The most content of one member.
    package static let partSize = 4 << 20
    /// A frame is written as soon as it holds this much.
    private static let frameSize = 1 << 20

    private struct State: ~Copyable {
        var compressor = ZstdCompressor(level: 3)
        /// Of the tar, not written yet.
        var pending: [UInt8] = []
        /// Of the present item, not in the tar yet.
        var part: [UInt8] = []
        var parts = 0
        var item: BackupItem?
        var hash = SHA256()
        var bytes = 0
        var records: [ItemRecord] = []
        var read = 0
        var written = 0
    }

    private let descriptor: Int32
    /// For messages.
    private let name: String
    private let state: Mutex<State>

    package init(_ descriptor: Int32, name: String, header: BackupHeader) throws {
        self.descriptor = descriptor
        self.name = name
        state = Mutex(State())
        try state.withLock { try add("backup.json", header.json.canonical, to: &$0) }
    }

    /// Bytes of content taken and bytes written.
    package var progress: (read: Int, written: Int) { state.withLock { ($0.read, $0.written) } }

    package func begin(_ item: BackupItem) throws {
        try state.withLock { state in
            precondition(state.item == nil, "items do not nest")
            state.item = item
            state.hash = SHA256()
            (state.bytes, state.parts) = (0, 0)
            try add(folder(state) + "/head.json", item.json.canonical, to: &state)
        }
    }

    package func write(_ content: RawSpan) throws {
        try state.withLock { state in
            content.withUnsafeBytes { bytes in
                state.hash.update(bufferPointer: bytes)
                state.part.append(contentsOf: bytes)
            }
            state.bytes += content.byteCount
            state.read += content.byteCount
            while state.part.count >= Self.partSize { try addPart(Self.partSize, to: &state) }
        }
    }

    package func write(_ content: [UInt8]) throws { try write(content.span.bytes) }

    /// `rows`: of a table.
    package func end(rows: Int? = nil) throws {
        try state.withLock { state in
            guard let item = state.item else { preconditionFailure("no item was begun") }
            if !state.part.isEmpty { try addPart(state.part.count, to: &state) }
            state.records.append(
                ItemRecord(
                    item: item, bytes: state.bytes, rows: rows, digest: hexadecimal(Array(state.hash.finalize()))))
            state.item = nil
        }
    }

    /// Writes the manifest and the archive's end. Gives the manifest.
    package func finish(_ database: SnapshotFacts) throws -> BackupManifest {
        try state.withLock { state in
            let manifest = BackupManifest(database: database, items: state.records)
            let text: [UInt8] = manifest.json.canonical
            try add("manifest.json", text, to: &state)
            let digest: String = hexadecimal(Digests.sha256(text))
            try add("manifest.sha256", Array("\(digest)  manifest.json\n".utf8), to: &state)
            state.pending += [UInt8](repeating: 0, count: 2 * TarHeader.blockSize)
            try flush(&state)
            return manifest
        }
    }

    private func folder(_ state: borrowing State) -> String {
        let number = "\(state.records.count + 1)"
        let safe: String = String(
            (state.item?.label ?? "").map {
                $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) ? $0 : "_"
            })
        return String(repeating: "0", count: max(0, 5 - number.count)) + number + "-" + safe.prefix(60)
    }

    private func addPart(_ size: Int, to state: inout State) throws {
        state.parts += 1
        let number = "\(state.parts)"
        let padded: String = String(repeating: "0", count: max(0, 6 - number.count)) + number
        let content = Array(state.part.prefix(size))
        state.part.removeFirst(size)
        try add("\(folder(state))/\(padded)", content, to: &state)
    }

    private func add(_ name: String, _ content: [UInt8], to state: inout State) throws {
        state.pending += TarHeader(name: name, size: content.count).bytes
        state.pending += content
        state.pending += [UInt8](repeating: 0, count: TarHeader.padding(after: content.count))
        if state.pending.count >= Self.frameSize { try flush(&state) }
    }

    private func flush(_ state: inout State) throws {
        let frame: [UInt8] = state.compressor.compress(state.pending)
        state.pending = []
        let header = FrameHeader(frameLength: frame.count, digest: Digests.sha256(frame))
        try write(header.bytes, to: &state)
        try write(frame, to: &state)
    }

    private func write(_ bytes: [UInt8], to state: inout State) throws {
        try writeAll(bytes, to: descriptor, named: name)
        state.written += bytes.count
    }
}

/// Writes all of `bytes`; `name` is for the error.
func writeAll(_ bytes: [UInt8], to descriptor: Int32, named name: String) throws {
    var rest: ArraySlice<UInt8> = bytes[...]
    while !rest.isEmpty {
        let count: Int = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else { throw Files.failure("write", name) }
        rest = rest.dropFirst(count)
    }
}
