import Compression
import HostSystem
import Runtime

/// Where lines are read from: a file, or what a file holds in packed form.
protocol LogContent: AnyObject {
    func stamp() throws(FileError) -> LogFile.Stamp
    /// Up to `count` bytes from `offset` on; fewer only at the end.
    func read(at offset: Int, count: Int) throws(FileError) -> [UInt8]
    /// Where data begin at or behind `offset`, as far as that is known without reading; nil where only a hole is left.
    func dataStart(from offset: Int) throws(FileError) -> Int?
}

extension LogFile: LogContent {}

/// The lines of a file that a rotation packed, with places as in the file before. It is read forwards, in memory that does
/// not grow with it; a place far before the last one costs unpacking it again from the beginning.
final class PackedLog: LogContent {
    private let file: LogFile
    private let form: Unpacking.Form
    /// Bytes when it is unpacked.
    private var size = 0
    private var head: [UInt8] = []
    private var unpacking: Unpacking
    private var input: [UInt8] = []
    private var inputPlace = 0
    private var fileOffset = 0
    /// What was unpacked last, and where it begins.
    private var window: [UInt8] = []
    private var windowStart = 0

    private static let pieceBytes = 128 << 10

    /// How a file of this name is packed; nil where it is not, or in a form that is not read.
    static func form(ofName name: some StringProtocol) -> Unpacking.Form? {
        name.hasSuffix(".gz") ? .gzip : name.hasSuffix(".zst") ? .zstd : nil
    }

    /// Throws where it cannot be unpacked to its end: it is being written, or damaged.
    init(_ path: String, _ form: Unpacking.Form) throws(FileError) {
        file = try LogFile(path)
        self.form = form
        unpacking = Unpacking(form)
        while try more() {
            if head.count < Fingerprint.mostBytes { head += window.prefix(Fingerprint.mostBytes - head.count) }
            windowStart += window.count
            window = []
        }
        size = windowStart
        rewind()
    }

    func stamp() throws(FileError) -> LogFile.Stamp {
        var stamp: LogFile.Stamp = try file.stamp()
        stamp.size = size
        return stamp
    }

    func read(at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        if offset + count <= head.count || offset >= size { return Array(head.dropFirst(offset).prefix(count)) }
        if offset == 0, count <= Fingerprint.mostBytes { return head }
        if offset < windowStart { rewind() }
        while windowStart + window.count < min(offset + count, size) {
            let passed: Int = min(offset - windowStart, window.count)
            if passed > 0 {
                window.removeFirst(passed)
                windowStart += passed
            }
            guard try more() else { break }
        }
        return Array(window.dropFirst(offset - windowStart).prefix(count))
    }

    func dataStart(from offset: Int) throws(FileError) -> Int? { offset }

    private func rewind() {
        unpacking = Unpacking(form)
        (input, inputPlace, fileOffset) = ([], 0, 0)
        (window, windowStart) = ([], 0)
    }

    /// Unpacks a piece behind the window; false at the end.
    private func more() throws(FileError) -> Bool {
        while true {
            let before: Int = window.count
            do throws(CompressionError) {
                try unpacking.unpack(input, from: &inputPlace, into: &window, atMost: Self.pieceBytes)
            } catch {
                throw FileError(path: file.path, operation: "unpack", reason: error.description)
            }
            if window.count > before { return true }
            input = try file.read(at: fileOffset, count: Self.pieceBytes)
            inputPlace = 0
            fileOffset += input.count
            guard input.isEmpty else { continue }
            guard unpacking.isBetween, fileOffset > 0 else {
                throw FileError(path: file.path, operation: "unpack", reason: "it is cut short")
            }
            return false
        }
    }
}
