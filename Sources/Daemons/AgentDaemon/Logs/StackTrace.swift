/// Whether lines go on with the stack trace above them: Java, Python, Go, Rust, JavaScript, and whatever is indented.
///
/// Blank lines are never seen here: they are no lines.
package struct StackTrace: Hashable, Sendable {
    private enum State: Hashable, Sendable {
        case none
        /// Behind `Traceback (most recent call last):`; the first line that is not indented is the exception's.
        case python
        /// Behind Go's `panic:` or `goroutine 1 [running]:`; the names of functions are not indented.
        case go
        /// Behind Rust's `thread 'main' panicked at …`; the message is on the next line.
        case rustMessage
    }

    private var state = State.none

    /// The trace that may follow the first line of an entry.
    package init(after first: [UInt8]) {
        if first.hasPrefix("panic: ") || first.hasPrefix("fatal error: ") || first.hasPrefix("goroutine ") {
            state = .go
        } else if first.hasPrefix("Traceback (most recent call last):") {
            state = .python
        } else if first.hasPrefix("thread '"), first.hasSuffix(":"), first.contains("' panicked at ") {
            state = .rustMessage
        }
    }

    /// Whether `line` belongs to the entry; takes it up.
    package mutating func takes(_ line: [UInt8]) -> Bool {
        guard let first = line.first else { return false }
        if first == UInt8(ascii: " ") || first == UInt8(ascii: "\t") { return true }
        if line.hasPrefix("Traceback (most recent call last):") {
            state = .python
            return true
        }
        if Self.continuations.contains(where: { line.hasPrefix($0) }) || Self.isJavaException(line) { return true }
        switch state {
        case .none: return false
        case .python:
            state = .none
            return true
        case .rustMessage:
            state = .none
            return true
        case .go:
            return line.hasPrefix("goroutine ") || line.hasPrefix("[signal ") || line.hasPrefix("created by ")
                || line.hasPrefix("exit status ") || Self.isGoFunction(line)
        }
    }

    private static let continuations: [String] = [
        "Caused by: ", "Suppressed: ", "stack backtrace:", "note: run with `RUST_BACKTRACE=", "note: Some details are ",
        "During handling of the above exception", "The above exception was the direct cause",
    ]

    /// `java.lang.IllegalStateException: …`: a qualified name that ends as throwables' do.
    private static func isJavaException(_ line: [UInt8]) -> Bool {
        let name: ArraySlice<UInt8> = line.prefix { $0 != UInt8(ascii: ":") }
        guard name.count < 300, name.count(where: { $0 == UInt8(ascii: ".") }) >= 2, name.allSatisfy(isNameByte) else {
            return false
        }
        return ["Exception", "Error", "Throwable"].contains { Array(name).hasSuffix($0) }
    }

    /// `main.(*Server).run(0xc000010000, {0x1, 0x2})`: a name and parentheses.
    private static func isGoFunction(_ line: [UInt8]) -> Bool {
        guard line.last == UInt8(ascii: ")"), let open = line.firstIndex(of: UInt8(ascii: "(")), open > 0 else {
            return line.hasSuffix("(...)")
        }
        return line[..<open].allSatisfy { isNameByte($0) || "/-·[]*".utf8.contains($0) || $0 >= 0x80 }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "$"):
            true
        default: false
        }
    }
}

extension [UInt8] {
    fileprivate func hasPrefix(_ text: String) -> Bool { starts(with: text.utf8) }
    fileprivate func hasSuffix(_ text: String) -> Bool { suffix(text.utf8.count).elementsEqual(text.utf8) }
    fileprivate func contains(_ text: String) -> Bool {
        indices.contains { self[$0...].starts(with: text.utf8) }
    }
}
