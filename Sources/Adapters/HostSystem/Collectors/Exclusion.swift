import Telemetry

/// What a collector is told to leave out: shell globs over metric names, devices, mount points and file-system types.
/// `*` matches any run of characters, `/` included, `?` one, `[a-z]` and `[!a-z]` one of a set.
struct Exclusion: Sendable {
    private let globs: [[UInt8]]

    init(_ globs: [String]) { self.globs = globs.map { Array($0.utf8) } }

    func covers(_ text: String) -> Bool {
        guard !globs.isEmpty else { return false }
        let bytes: [UInt8] = Array(text.utf8)
        return globs.contains { glob($0, matches: bytes) }
    }

    /// Leaves out what is excluded by the metric's name; devices are left out before they are looked at.
    func apply(to collected: inout Collected) {
        guard !globs.isEmpty else { return }
        collected.measurements.removeAll { covers($0.series.name) }
    }
}

/// Whether `pattern` matches all of `text`. Takes at most pattern × text steps: on a mismatch only the last `*` is
/// widened, which is enough because earlier ones have matched as little as they could.
private func glob(_ pattern: [UInt8], matches text: [UInt8]) -> Bool {
    var position = 0
    var index = 0
    var retry: (position: Int, index: Int)?
    while index < text.count {
        if position < pattern.count, pattern[position] == UInt8(ascii: "*") {
            retry = (position, index)
            position += 1
        } else if let next = matchOne(pattern, position, text[index]) {
            position = next
            index += 1
        } else if let star = retry {
            retry = (star.position, star.index + 1)
            position = star.position + 1
            index = star.index + 1
        } else {
            return false
        }
    }
    return pattern[position...].allSatisfy { $0 == UInt8(ascii: "*") }
}

/// Matches one byte at `position`; answers the position behind what matched it.
private func matchOne(_ pattern: [UInt8], _ position: Int, _ byte: UInt8) -> Int? {
    guard position < pattern.count else { return nil }
    switch pattern[position] {
    case UInt8(ascii: "?"): return position + 1
    case UInt8(ascii: "["): return matchSet(pattern, position, byte)
    case byte: return position + 1
    default: return nil
    }
}

private func matchSet(_ pattern: [UInt8], _ start: Int, _ byte: UInt8) -> Int? {
    var position: Int = start + 1
    let isNegated: Bool = position < pattern.count && pattern[position] == UInt8(ascii: "!")
    if isNegated { position += 1 }
    guard let end = pattern[position...].dropFirst().firstIndex(of: UInt8(ascii: "]")) else {
        // No closing bracket: the shell takes it as itself.
        return byte == UInt8(ascii: "[") ? start + 1 : nil
    }
    var isMember = false
    while position < end {
        if position + 2 < end, pattern[position + 1] == UInt8(ascii: "-") {
            isMember = isMember || (pattern[position] <= byte && byte <= pattern[position + 2])
            position += 3
        } else {
            isMember = isMember || pattern[position] == byte
            position += 1
        }
    }
    return isMember != isNegated ? end + 1 : nil
}
