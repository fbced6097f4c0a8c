package import Declarations

/// The documents of one manifest file as trees with places, and what is wrong with its syntax. `file` names it in
/// diagnostics.
///
/// A syntax error ends the file; documents before it are given all the same, so that their problems can be reported
/// together with it. Duplicate keys are kept: decoding reports them at their place. Aliases and anchors are refused
/// (a manifest says what it means in place, and an alias can make a small file huge), so are tags, nesting deeper than
/// 64 and more than 100,000 values.
package func composeManifest(
    file: String, bytes: [UInt8]
) -> (documents: [ManifestDocument], problems: [Diagnostic]) {
    if let place = firstInvalidByte(in: bytes) {
        let message = "the file is not UTF-8 text"
        return ([], [Diagnostic(file: file, mark: place, message: message)])
    }
    var composer = Composer(file: file, events: EventParser(bytes))
    composer.run()
    return (composer.documents, composer.problems)
}

/// The place of the first byte that is not part of UTF-8.
private func firstInvalidByte(in bytes: [UInt8]) -> Mark? {
    guard String(validating: bytes, as: UTF8.self) == nil else { return nil }
    // The valid prefix: the longest at whose end a repaired text has not begun to differ.
    let repaired: [UInt8] = Array(String(decoding: bytes, as: UTF8.self).utf8)
    let valid: Int = zip(bytes, repaired).prefix { $0 == $1 }.count
    let before: ArraySlice<UInt8> = bytes[..<valid]
    let line: Int = before.count { $0 == UInt8(ascii: "\n") } + 1
    let lineStart: Int = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    let column: Int = String(decoding: before[lineStart...], as: UTF8.self).unicodeScalars.count + 1
    return Mark(line: line, column: column)
}
