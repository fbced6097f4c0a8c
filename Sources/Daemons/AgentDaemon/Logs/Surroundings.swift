import HostSystem
import Telemetry

/// What a scan for log files found where it looked. To look whether all of it is still so takes a system call for each
/// place, a small part of what a scan takes, and nearly always it is.
struct Surroundings: Sendable {
    /// By path; nil where there was none.
    private var folders: [String: FolderStamp?] = [:]
    private var files: [String: FoundFile?] = [:]
    private var hasFreshFolder = false

    /// How long a folder counts as just changed: longer than the tick of any kernel's file times, so that two changes in
    /// one tick are both seen.
    static let freshFolder = PromDuration.milliseconds(100)

    mutating func add(_ folders: [String: FolderStamp?], now: Timestamp) {
        self.folders.merge(folders) { first, _ in first }
        hasFreshFolder =
            hasFreshFolder || folders.values.contains { $0.map { now - $0.changedAt < Self.freshFolder } ?? false }
    }

    mutating func add(_ path: String, _ file: FoundFile?) { files.updateValue(file, forKey: path) }

    /// Whether another scan may find something else.
    func mayHaveChanged() -> Bool {
        hasFreshFolder || folders.contains { FolderStamp($0.key) != $0.value }
            || files.contains { FoundFile($0.key) != $0.value }
    }
}
