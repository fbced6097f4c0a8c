import Declarations
package import Reconciliation
package import Runtime
import Telemetry

/// The reports of the last runs as JSON lines, oldest first, in at most two files of bounded size. Equal runs in a row
/// that changed nothing are one record with a count.
package struct ReportLog: Sendable {
    private let path: String
    private let files: any StateFiles
    private let fileLimit: Int
    private let directory: StateDirectory
    /// The newest record that the server has.
    private var lastSent: String?
    private var last: (report: RunReport, offset: Int)?
    /// Runs of another process are another story: its last record is left as it is.
    private var isLastOurs = false
    /// The file ends in a line that a crash, or a full disk, cut off: the next record begins a line of its own.
    package private(set) var isTorn = false

    package init(directory: StateDirectory, fileLimit: Int = 8 << 20) {
        path = directory.file("reports.jsonl")
        files = directory.files
        self.fileLimit = fileLimit
        self.directory = directory
        lastSent = (try? files.read(directory.file("sent"), limit: 1 << 10)).map { String(decoding: $0, as: UTF8.self) }
        guard let bytes = try? files.read(path, limit: fileLimit * 2) else { return }
        let newline = UInt8(ascii: "\n")
        isTorn = bytes.last.map { $0 != newline } ?? false
        let whole: ArraySlice<UInt8> = bytes[..<(bytes.lastIndex(of: newline) ?? 0)]
        let start: Int = whole.lastIndex(of: newline).map { $0 + 1 } ?? 0
        if let report = try? RunReport(parsing: whole[start...]) { last = (report, start) }
    }

    package var newest: RunReport? { last?.report }

    /// What the server has not got, oldest first: also what an earlier process could not send. The newest record is among
    /// it in any case, because it may have counted more runs since.
    package func unsent(atMost limit: Int) -> [RunReport] {
        guard let newest else { return [] }
        guard let lastSent else { return [newest] }
        var records: [RunReport] = []
        // No further back than to what the server has: one record can be as large as all others together.
        do {
            try Self.scan(directory) { report in
                guard report.id > lastSent || report.id == newest.id else { return false }
                records.append(report)
                return records.count < limit
            }
        } catch { return [newest] }
        return records.reversed()
    }

    /// The server has this record, and all before it.
    package mutating func sent(_ id: String) {
        guard id > lastSent ?? "" else { return }
        lastSent = id
        // Lost, it is sent again: the server replaces records by id.
        try? files.replace(directory.file("sent"), with: Array(id.utf8))
    }

    /// Writes a report; where it repeats the last one, that record is replaced by one that counts both. Returns the
    /// record as it stands now.
    package mutating func append(_ report: RunReport) throws(FileError) -> RunReport {
        var record: RunReport = report
        var offset: Int = try files.size(of: path)
        var isReplacing = false
        if let last, isLastOurs, !isTorn, report.repeats(last.report) {
            isReplacing = true
            record = last.report
            record.count += 1
            record.lastFinishedAt = report.finishedAt
            offset = last.offset
        } else if offset > fileLimit {
            files.rename(path, to: "\(path).old")
            offset = 0
            isTorn = false
        }
        let newline: [UInt8] = [UInt8(ascii: "\n")]
        let isBehindTorn: Bool = isTorn && !isReplacing
        isTorn = true
        try files.write((isBehindTorn ? newline : []) + record.json.canonical + newline, to: path, at: offset)
        isTorn = false
        last = (record, isBehindTorn ? offset + 1 : offset)
        isLastOurs = true
        return record
    }

    /// The newest records first, at most `limit`.
    package static func newest(_ limit: Int, in directory: StateDirectory) throws(FileError) -> [RunReport] {
        var reports: [RunReport] = []
        try scan(directory) { report in
            reports.append(report)
            return reports.count < limit
        }
        return reports
    }

    /// The record whose id begins with `prefix`, or the newest one that is not in sync where `prefix` is nil.
    package static func find(_ prefix: String?, in directory: StateDirectory) throws(FileError) -> RunReport? {
        var found: RunReport?
        try scan(directory) { report in
            let isWanted: Bool = prefix.map { report.id.hasPrefix($0.uppercased()) } ?? (report.outcome != .inSync)
            if isWanted { found = report }
            return !isWanted
        }
        return found
    }

    /// The newest entries of the drift ledger first, each in its latest form, at most `limit`.
    package static func newestDrift(_ limit: Int, in directory: StateDirectory) throws(FileError) -> [DriftEntry] {
        var entries: [String: DriftEntry] = [:]
        try scan(directory) { report in
            for entry in report.drift where entries[entry.id].map({ $0.updatedAt < entry.updatedAt }) ?? true {
                entries[entry.id] = entry
            }
            return true
        }
        return Array(entries.values.sorted { $0.id > $1.id }.prefix(limit))
    }

    private static func scan(_ directory: StateDirectory, _ isMoreWanted: (RunReport) -> Bool) throws(FileError) {
        let path: String = directory.file("reports.jsonl")
        for file in [path, "\(path).old"] {
            let bytes: [UInt8]
            do { bytes = try directory.files.read(file, limit: 256 << 20) } catch {
                guard error.isMissing else { throw error }
                continue
            }
            // A line that cannot be read is one that a crash cut off.
            for line in bytes.split(separator: UInt8(ascii: "\n")).reversed() {
                guard let report = try? RunReport(parsing: line) else { continue }
                guard isMoreWanted(report) else { return }
            }
        }
    }
}
