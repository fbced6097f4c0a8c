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

    /// Whether a new name in any of the folders is sure to be seen by its time. What a network serves may tell it late.
    var showNewNames: Bool { folders.values.allSatisfy { $0?.identity.isOnDisk ?? true } }
}

/// What decides whether a look becomes a scan.
struct Lookout: Sendable {
    var surroundings = Surroundings()
    /// Whether a file has content that was not read.
    var hasUnread = false
    /// The keeper's count of changes that the last scan knew.
    var configChanges = 0
    /// The time between two looks.
    var pause = Duration.zero
    /// How many looks may go by until the next scan.
    var looksLeft = 0

    /// One look; whether a scan is to follow.
    mutating func calls(configChanges: Int) -> Bool {
        looksLeft -= 1
        return looksLeft < 0 || hasUnread || configChanges != self.configChanges || surroundings.mayHaveChanged()
    }
}
