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

    /// What has to be watched for every such change to be told, as it was found.
    var places: Set<FileEvents.Place> {
        var places: Set<FileEvents.Place> = []
        for (path, folder) in folders {
            places.formUnion(
                folder.map { [FileEvents.Place(.folder, path, $0.identity)] } ?? FileEvents.Place.wherePathBegins(path))
        }
        for (path, file) in files {
            if let file { places.insert(FileEvents.Place(.file, path, file.identity)) }
            // Listed for a glob, or named itself.
            let folder: String = folderAndName(path).folder
            if folders[folder] == nil { places.formUnion(FileEvents.Place.wherePathBegins(path)) }
        }
        return places
    }

    /// Of these, where what was not there would begin to appear. They move when a folder above it does: that alone is
    /// nothing that a scan would find.
    var missingPlaces: Set<FileEvents.Place> {
        var places: Set<FileEvents.Place> = []
        for case (let path, nil) in folders { places.formUnion(FileEvents.Place.wherePathBegins(path)) }
        for case (let path, nil) in files where folders[folderAndName(path).folder] == nil {
            places.formUnion(FileEvents.Place.wherePathBegins(path))
        }
        return places
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
    /// When the next scan is due, whatever looks find.
    var scanAt = Duration.zero
    /// Whether looks may be put off where changes are told.
    var mayWait = false
    /// Where what is missing would appear, as it is watched.
    var missingPlaces: Set<FileEvents.Place> = []
    /// Whether the next look was put off.
    private(set) var isPutOff = false

    /// One look; whether a scan is to follow.
    mutating func calls(configChanges: Int, now: Duration) -> Bool {
        isPutOff = false
        return now >= scanAt || hasUnread || configChanges != self.configChanges || surroundings.mayHaveChanged()
    }

    /// All that is to be watched from now on, after a look that called for nothing; nil where that is the same as before.
    mutating func movedPlaces() -> Set<FileEvents.Place>? {
        guard mayWait else { return nil }
        let missing: Set<FileEvents.Place> = surroundings.missingPlaces
        guard missing != missingPlaces else { return nil }
        missingPlaces = missing
        return surroundings.places
    }

    /// How long to wait for the next look, after one that called for nothing.
    mutating func wait(isToldOfChanges: Bool, now: Duration) -> Duration {
        guard mayWait, isToldOfChanges else { return pause }
        isPutOff = true
        return scanAt - now
    }
}
