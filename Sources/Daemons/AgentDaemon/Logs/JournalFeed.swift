import Declarations
import HostSystem
import Runtime
import Synchronization
import Telemetry
import WireFormats

/// Entries of the journal between its reader and the delivery: so many that a request is full, and no more, so that the
/// journal itself is the buffer.
final class JournalFeed: Sendable {
    struct Held: Sendable {
        var stream: String
        var unit: String?
        var line: LogStreamBatch.PlacedLine
        var cursor: String
    }

    private struct State {
        var held: [Held] = []
        /// How many of them are under way.
        var sent = 0
        /// Behind the last entry that was read, be it wanted or not.
        var readTo: String?
        /// Behind the last entry that is done with.
        var doneTo: String?
        var labels: [String: String]
        /// The number of the last entry of each journal: what comes again is left out.
        var numbers: [String: Int] = [:]
    }

    private static let mostEntries = 2000
    private static let mostBytes = 4 << 20

    let source: String
    private let state: Mutex<State>
    private let room = Signal()
    private let onEntry: @Sendable () -> Void

    init(source: String, labels: [String: String], from cursor: String?, onEntry: @escaping @Sendable () -> Void) {
        self.source = source
        state = Mutex(State(readTo: cursor, doneTo: cursor, labels: labels))
        self.onEntry = onEntry
    }

    /// From where the journal is read on.
    var readTo: String? { state.withLock { $0.readTo } }
    /// From where it is read on after a crash.
    var doneTo: String? { state.withLock { $0.doneTo } }
    /// What entries are sent with from now on, beside their unit.
    func obey(labels: [String: String]) { state.withLock { $0.labels = labels } }
    var count: Int { state.withLock { $0.held.count } }

    /// Whether an entry was not read before.
    func isNew(_ entry: JournalEntry) -> Bool {
        state.withLock { entry.number > $0.numbers[entry.journal] ?? -1 }
    }

    /// Leaves out an entry that nobody wants.
    func skip(_ entry: JournalEntry) {
        state.withLock { state in
            state.numbers[entry.journal] = entry.number
            state.readTo = entry.cursor
            if state.held.isEmpty { state.doneTo = entry.cursor }
        }
    }

    /// Takes a line of an entry; returns when there is room for another.
    ///
    /// The stream is made of what it is of, so that it is the same one after everything is lost that the agent knew.
    func add(_ line: LogStreamBatch.PlacedLine, of entry: JournalEntry) async {
        let unit: String? = entry.unit.flatMap(Self.labelled)
        let name: String = "\(source)\n\(entry.journal)\n\(unit ?? "")"
        let stream = String(hexadecimal(Digests.sha256(Array(name.utf8))).prefix(32))
        state.withLock { state in
            state.numbers[entry.journal] = entry.number
            state.readTo = entry.cursor
            state.held.append(Held(stream: stream, unit: unit, line: line, cursor: entry.cursor))
        }
        onEntry()
        while !Task.isCancelled, state.withLock({ Self.isFull($0.held) }) { await room.wait() }
    }

    private static func isFull(_ held: [Held]) -> Bool {
        held.count >= mostEntries || held.reduce(0) { $0 + ($1.line.line?.message.utf8.count ?? 0) } >= mostBytes
    }

    /// Sessions and scopes are as many as there were logins: they are no labels.
    private static func labelled(_ unit: String) -> String? {
        unit.hasSuffix(".scope") || unit.hasSuffix(".slice") ? nil : unit
    }

    /// The first entries, in batches of one stream each. They count as under way until they are settled or taken back.
    func next(mostLines: Int, mostBytes: Int) -> [LogStreamBatch] {
        state.withLock { state in
            var batches: [String: LogStreamBatch] = [:]
            var order: [String] = []
            var bytes = 0
            state.sent = 0
            for held in state.held.prefix(mostLines) {
                guard bytes < mostBytes else { break }
                bytes += held.line.line?.message.utf8.count ?? 0
                state.sent += 1
                let end: Int = held.line.place + 1
                if batches[held.stream] == nil {
                    var labels: [String: String] = state.labels
                    if let unit = held.unit { labels["unit"] = labels["unit"] ?? unit }
                    batches[held.stream] = LogStreamBatch(
                        stream: held.stream, origin: LogOrigin(source: source, path: "journal", labels: Labels(labels)),
                        lines: [], end: end)
                    order.append(held.stream)
                }
                batches[held.stream]?.lines.append(held.line)
                batches[held.stream]?.end = end
            }
            return order.compactMap { batches[$0] }
        }
    }

    /// What was under way is stored up to `positions`, by stream; a stream that is not among them wholly. What lies behind
    /// its position is sent again: the server takes nothing of a run that it has a part of.
    func settle(positions: (String) -> Int?) {
        state.withLock { state in
            guard state.sent > 0 else { return }
            let sent: ArraySlice<Held> = state.held[..<state.sent]
            let isStored: [Bool] = sent.map { held in positions(held.stream).map { held.line.place < $0 } ?? true }
            let firstLeft: Int = isStored.firstIndex(of: false) ?? sent.count
            if firstLeft > 0 { state.doneTo = sent[firstLeft - 1].cursor }
            let left: [Held] = zip(sent, isStored).filter { !$0.1 }.map { $0.0 }
            state.held.replaceSubrange(..<state.sent, with: left)
            state.sent = 0
            if state.held.isEmpty { state.doneTo = state.readTo }
        }
        room.raise()
    }

    func takeBack() { state.withLock { $0.sent = 0 } }
}
