import Declarations
import HostSystem
import Runtime
import Telemetry
import WireFormats

/// Turns what one run of `journalctl` writes into lines of a feed.
struct JournalReading: Sendable {
    let start: JournalProcess.Start
    private let feed: JournalFeed
    private let spec: LogSourceSpec
    private let units: [Glob]
    private let name: String
    private let dependencies: LogTailer.Dependencies
    /// Entries before it were there already, and are not wanted.
    private let begins: Timestamp?
    private let ownProcess: String

    init(_ name: String, _ spec: LogSourceSpec, _ feed: JournalFeed, _ dependencies: LogTailer.Dependencies) {
        self.name = name
        self.spec = spec
        self.feed = feed
        self.dependencies = dependencies
        units = spec.journal.map(Glob.init)
        ownProcess = "\(dependencies.ownProcess)"
        let cursor: String? = feed.readTo
        start = cursor.map { .after(cursor: $0) } ?? (spec.from == .end ? .end : .beginning)
        begins = cursor == nil && spec.from == .end ? dependencies.clocks.now() : nil
    }

    /// Takes a line of its output. Answers what it is where it is no entry: something that journalctl has to say.
    func take(_ line: [UInt8]) async -> String? {
        guard let entry = JournalEntry(line) else {
            return line.first == UInt8(ascii: "{") ? nil : String(decoding: line.prefix(500), as: UTF8.self)
        }
        guard feed.isNew(entry) else { return nil }
        guard isWanted(entry) else {
            feed.skip(entry)
            return nil
        }
        var reading = LineReading(spec.parser, lastTime: nil)
        var counts = LineReading.Counts()
        let placed: LogStreamBatch.PlacedLine? = reading.placed(
            entry, longest: spec.maxLineBytes, now: dependencies.clocks.now(), counts: &counts)
        guard let placed else {
            feed.skip(entry)
            return nil
        }
        dependencies.metrics.readLogLines(1, cut: counts.cut, repaired: counts.repaired, source: name)
        await feed.add(placed, of: entry)
        return nil
    }

    private func isWanted(_ entry: JournalEntry) -> Bool {
        if let begins, entry.time < begins { return false }
        // What the agent writes about delivering a line would be the next line.
        if entry.process == ownProcess, !spec.journal.contains(entry.unit ?? "") { return false }
        return entry.isOf(units)
    }
}
