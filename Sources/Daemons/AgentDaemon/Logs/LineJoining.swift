package import Declarations
import Patterns
import Telemetry

/// Joins lines that belong together: the parts into which a container's runtime cuts a long line, and the lines of a
/// multi-line entry.
///
/// A pure function of the lines from one place on. It holds nothing between two reads: an entry that is not complete is
/// not taken, and read again from its beginning, so that positions are always between two entries.
package struct LineJoining: Sendable {
    private let rule: Rule?
    private let mostLines: Int
    private let wait: PromDuration
    /// Bytes of one line that are kept.
    private let longest: Int

    private enum Rule: Sendable {
        case start(Pattern)
        case stacktrace
    }

    /// Bytes of an entry of several lines: a message may have 256 KiB, and a piece that is read is as long.
    package static let mostBytes = 64 << 10

    package init(_ multiline: LogSourceSpec.Multiline?, longest: Int) {
        self.longest = longest
        mostLines = multiline?.maxLines ?? 1
        wait = multiline?.wait ?? .seconds(1)
        rule =
            switch multiline?.rule {
            case nil: nil
            // Anchored at both ends, as patterns are; it may match anywhere in the line. The schema has compiled it.
            case .start(let text)?: (try? Pattern("(?s:.*?(?:\(text)).*)")).map(Rule.start)
            case .stacktrace?: .stacktrace
            }
    }

    /// What was made of lines.
    package struct Joined: Hashable, Sendable {
        /// In order of place.
        package var entries: [RawLine]
        /// Where the next entry begins.
        package var end: Int
    }

    private struct Open {
        var entry: RawLine
        var lines = 1
        var trace: StackTrace
        var isPartial: Bool
        /// Of the last line, as the runtime says.
        var lastTime: Timestamp?

        init(_ line: RawLine) {
            entry = line
            trace = StackTrace(after: line.bytes)
            isPartial = line.wrapper?.isPartial ?? false
            lastTime = line.wrapper?.time
        }
    }

    /// The entries that `lines` make, which begin where an entry begins and end before `end`.
    ///
    /// - isComplete: nothing follows, or nothing more fits: what is open is closed.
    /// - mostEntries, mostBytes: where to stop; at least one entry is taken.
    package func joined(
        _ lines: [RawLine], end: Int, isComplete: Bool, mostEntries: Int = .max, mostBytes: Int = .max
    ) -> Joined {
        var open: [String: Open] = [:]
        var closed: [RawLine] = []
        var closedBytes = 0
        // Entries of two streams may lie within one another: a position may only stand where none is open.
        var safe: Joined?

        func close(_ stream: String) {
            guard let done = open.removeValue(forKey: stream) else { return }
            closed.append(done.entry)
            closedBytes += done.entry.bytes.count
        }

        for line in lines {
            let stream: String = line.wrapper?.stream ?? ""
            let line: RawLine = fitting(line)
            if var current = open[stream], takes(&current, line) {
                open[stream] = current
                if rule == nil, !current.isPartial { close(stream) }
                continue
            }
            close(stream)
            for (other, held) in open where isOver(held, at: line.wrapper?.time) { close(other) }
            if open.isEmpty, !closed.isEmpty {
                safe = Joined(entries: closed, end: line.place)
                if let safe, closed.count >= mostEntries || closedBytes >= mostBytes { return ordered(safe) }
            }
            open[stream] = Open(line)
            if rule == nil, line.wrapper?.isPartial != true { close(stream) }
        }
        if isComplete { for stream in Array(open.keys) { close(stream) } }
        if open.isEmpty { safe = Joined(entries: closed, end: end) }
        return safe.map(ordered) ?? Joined(entries: [], end: lines.first?.place ?? end)
    }

    private func ordered(_ joined: Joined) -> Joined {
        Joined(entries: joined.entries.sorted { $0.place < $1.place }, end: joined.end)
    }

    /// Adds the line to an entry that it belongs to.
    private func takes(_ open: inout Open, _ line: RawLine) -> Bool {
        if open.isPartial {
            // Whatever it says: the runtime cut the line, the program did not.
            let room: Int = max(0, longest + 4 - open.entry.bytes.count)
            open.entry.bytes += line.bytes.prefix(room)
            open.entry.isCut = open.entry.isCut || line.isCut || line.bytes.count > room
            open.isPartial = line.wrapper?.isPartial ?? false
            open.lastTime = line.wrapper?.time
            if !open.isPartial, open.lines == 1 {
                open.entry.wrapper?.isPartial = false
                open.entry = fitting(open.entry)
            }
            return true
        }
        guard open.lines < mostLines, open.entry.bytes.count + 1 + line.bytes.count <= Self.mostBytes else {
            return false
        }
        switch rule {
        case nil: return false
        case .start(let pattern)?: if pattern.matchesWhole(line.text.text) { return false }
        case .stacktrace?: if !open.trace.takes(line.bytes) { return false }
        }
        open.entry.bytes.append(0x0A)
        open.entry.bytes += line.bytes
        open.entry.isCut = open.entry.isCut || line.isCut
        open.lines += 1
        open.isPartial = line.wrapper?.isPartial ?? false
        open.lastTime = line.wrapper?.time
        return true
    }

    /// Whether nothing came for an entry for so long that it counts as whole, by the runtime's own times.
    private func isOver(_ open: Open, at time: Timestamp?) -> Bool {
        guard !open.isPartial, let time, let last = open.lastTime else { return false }
        return time > last + wait
    }

    /// A line of a container is as long as the runtime wrote it, or as its parts are together.
    private func fitting(_ line: RawLine) -> RawLine {
        guard line.bytes.count > longest, line.wrapper?.isPartial != true else { return line }
        var line: RawLine = line
        line.bytes = Array(LineSplitting.cut(line.bytes[...], longest: longest).kept)
        line.isCut = true
        return line
    }
}
