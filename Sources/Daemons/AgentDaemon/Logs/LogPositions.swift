import Declarations
import Delivery
import HostSystem
import Runtime
import Telemetry

/// How far files are delivered, in one file of the state directory, `log-positions.json`.
///
/// An old state of it costs nothing but time: what was delivered meanwhile is known to the server, which says where to go
/// on. What matters is that a stream's name is in it before anything of the stream is sent.
struct LogPositions: Sendable {
    struct Content: Hashable, Sendable {
        var records: [FileRecord] = []
        /// Sources whose files have been looked at before: files that come later are read from their beginning.
        var knownSources: Set<String> = []
        /// Behind which entry of the journal each source goes on, for journalctl.
        var journals: [String: String] = [:]
        /// When it was written.
        var at: Timestamp?
        /// What became of the lines up to the positions.
        var lines = DeliveryLedger.Tally()
        /// The name of that count.
        var ledger: String?
    }

    let path: String
    static let largestBytes = 16 << 20
    /// Files that are remembered; beyond it those that were done with first are forgotten first.
    static let mostRecords = 20_000

    /// What the file holds; nothing where there is none. Throws where it cannot be read or understood.
    func read() throws(FileError) -> Content {
        let bytes: [UInt8]
        do throws(FileError) { bytes = try Files.read(path, limit: Self.largestBytes) } catch {
            if error.isMissing { return Content() }
            throw error
        }
        do throws(JSONFormError) { return try content(parsing: bytes) } catch {
            throw FileError(path: path, operation: "use", reason: error.description)
        }
    }

    private func content(parsing bytes: [UInt8]) throws(JSONFormError) -> Content {
        let json: JSONValue
        do { json = try JSONValue(parsing: bytes) } catch {
            throw JSONFormError(path: "", message: "not JSON: \(error)")
        }
        let reader = try JSONObjectReader(json)
        return Content(
            records: try reader.list("files"), knownSources: Set(try reader.strings("sources")),
            journals: json["journals"]?.object?.compactMapValues(\.string) ?? [:],
            at: try reader.optionalTime("at"),
            lines: try json["lines"].map { (item) throws(JSONFormError) in try .init(json: item) } ?? .init(),
            ledger: try reader.optionalString("ledger"))
    }

    func write(_ content: Content) throws(FileError) {
        var records: [FileRecord] = content.records
        if records.count > Self.mostRecords {
            let live: [FileRecord] = records.filter { !$0.isDone }
            records = Array(live.suffix(Self.mostRecords))
        }
        let json: JSONValue = .object(compacting: [
            "files": .array(records.map(\.json)),
            "sources": .array(content.knownSources.sorted().map(JSONValue.string)),
            "journals": content.journals.isEmpty ? nil : .object(content.journals.mapValues(JSONValue.string)),
            "at": content.at.map(JSONValue.time), "lines": content.lines.json,
            "ledger": content.ledger.map(JSONValue.string),
        ])
        try Files.write(json.canonical + [0x0A], to: path, mode: 0o600)
    }
}
