import Declarations
import Glibc
import Runtime
import Synchronization
import Telemetry
import WireFormats

/// What could not be delivered before the end, in one file for the next start.
///
/// The first line is `plumbline-spool 1 BYTES SHA256`, then comes a list of batches in the native JSON form. A file
/// that was cut or changed is refused as a whole. It stays until all of it is delivered.
final class Spool: Sendable {
    private let path: String
    private let present = Mutex(false)
    /// Of the text; what an outbox of the default size comes to.
    private static let largestBytes = 128 << 20

    init(path: String) { self.path = path }

    var isPresent: Bool { present.withLock { $0 } }

    /// Replaces the file by these frames; without any there is no file.
    func write(_ frames: [CollectedFrame]) throws(FileError) {
        guard !frames.isEmpty else { return try remove() }
        let batches: [FrameBatch] = Outbox.batches(frames, host: "")
        let text: [UInt8] = JSONValue.array(batches.map(NativeEncoder.json(of:))).canonical
        let head = "plumbline-spool 1 \(text.count) \(hexadecimal(Digests.sha256(text)))\n"
        try Files.write(Array(head.utf8) + text, to: path, mode: 0o600)
        present.withLock { $0 = true }
    }

    func remove() throws(FileError) {
        if unlink(path) != 0, errno != ENOENT {
            throw FileError(path: path, operation: "remove", reason: String(cString: strerror(errno)), code: errno)
        }
        present.withLock { $0 = false }
    }

    /// The frames of the file, in order of time; none where there is no file. Throws where it is not whole.
    func read() throws(FileError) -> [CollectedFrame] {
        let bytes: [UInt8]
        do throws(FileError) { bytes = try Files.read(path, limit: Self.largestBytes) } catch {
            if error.isMissing { return [] }
            throw error
        }
        guard let frames = Self.frames(parsing: bytes) else {
            throw FileError(path: path, operation: "use", reason: "it is damaged: its check sum is another")
        }
        present.withLock { $0 = true }
        return frames
    }

    private static func frames(parsing bytes: [UInt8]) -> [CollectedFrame]? {
        guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        let head: [Substring] = String(decoding: bytes[..<end], as: UTF8.self).split(separator: " ")
        let text: [UInt8] = Array(bytes[(end + 1)...])
        guard head.count == 4, head[0] == "plumbline-spool", head[1] == "1", Int(head[2]) == text.count,
            head[3] == hexadecimal(Digests.sha256(text)), let batches = (try? JSONValue(parsing: text))?.array
        else { return nil }
        var frames: [CollectedFrame] = []
        for batch in batches {
            guard let read = self.frames(of: batch) else { return nil }
            frames += read
        }
        return frames.sorted { $0.time < $1.time }
    }

    private static func frames(of batch: JSONValue) -> [CollectedFrame]? {
        guard let producer = batch["producer"]?.string, let list = batch["series"]?.array,
            let frames = batch["frames"]?.array
        else { return nil }
        let series: [Series] = list.compactMap { item in
            guard let name = item["name"]?.string else { return nil }
            return Series(name, Labels((item["labels"]?.object ?? [:]).compactMapValues(\.string)))
        }
        guard series.count == list.count else { return nil }
        let read: [CollectedFrame] = frames.compactMap { frame in
            guard let time = frame["time"]?.integer, let values = frame["values"]?.array, values.count == series.count
            else { return nil }
            return CollectedFrame(
                producer: producer, series: series, time: Timestamp(milliseconds: Int64(time)),
                values: values.map(value))
        }
        return read.count == frames.count ? read : nil
    }

    private static func value(_ json: JSONValue) -> Double? {
        switch json {
        case .number(let number): number
        case .string("NaN"): .nan
        case .string("+Inf"): .infinity
        case .string("-Inf"): -.infinity
        default: nil
        }
    }
}
