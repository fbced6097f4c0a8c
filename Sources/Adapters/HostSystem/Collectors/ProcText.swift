// The texts of /proc as lines and fields of bytes. Characters would be dear: `/proc/stat` is read often, and finding
// the boundaries of characters costs more than everything else.

typealias Bytes = ArraySlice<UInt8>

func lines(_ content: [UInt8]) -> [Bytes] { content.split(separator: UInt8(ascii: "\n")) }

/// The fields of a line between spaces and tabs.
func fields(_ line: Bytes, limit: Int = Int.max) -> [Bytes] {
    line.split(maxSplits: limit) { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
}

func text(_ bytes: Bytes) -> String { String(decoding: bytes, as: UTF8.self) }

/// A counter of the kernel; nil where the bytes are none.
func counter(_ bytes: Bytes) -> UInt64? {
    guard !bytes.isEmpty, bytes.count <= 20 else { return nil }
    var value: UInt64 = 0
    for byte in bytes {
        let digit: UInt8 = byte &- UInt8(ascii: "0")
        guard digit < 10 else { return nil }
        let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
        let (sum, carry) = tens.addingReportingOverflow(UInt64(digit))
        guard !overflow, !carry else { return nil }
        value = sum
    }
    return value
}

/// Bytes as a label value: what is not UTF-8 becomes U+FFFD, as node_exporter has it, and the length is bounded.
func label(_ bytes: some Collection<UInt8>) -> String {
    String(decoding: bytes.prefix(1024), as: UTF8.self)
}

/// Bytes for an error message: short, and without what would break a line.
func quoted(_ bytes: Bytes) -> String {
    let printable: [UInt8] = bytes.prefix(40).map { (0x20..<0x7F).contains($0) ? $0 : UInt8(ascii: "?") }
    return "\"\(String(decoding: printable, as: UTF8.self))\(bytes.count > 40 ? "…" : "")\""
}
