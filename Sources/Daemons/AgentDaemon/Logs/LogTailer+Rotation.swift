import Declarations
import HostSystem
import Logging
import Runtime
import Telemetry

/// Finding again what a rotation moved or copied.
extension LogTailer {
    /// The file holds something else than was read of it: it was truncated. What was not read of the old content is in
    /// the copy that the rotation made, if it made one; the file itself begins anew under another name.
    func truncated(_ file: TrackedFile, _ stamp: LogFile.Stamp) {
        tracked.removeAll { $0 === file }
        // A hole is nothing that could be lost.
        rescue(
            file.record, knownSize: file.head.isEmpty ? nil : file.size, offset: max(file.offset, file.head.firstPlace))
        hasChanged = true
        guard !file.isRotated, let head = try? file.file.head() else { return }
        track(newRecord(file.record.source, file.record.path, stamp, head), file.file, stamp, head)
    }

    /// Goes on with a content that is no longer where it was, in a copy beside it. Without one, what was not read of it is
    /// gone, and said.
    func rescue(_ record: FileRecord, knownSize: Int?, offset: Int? = nil) {
        if let copy = copy(of: record) {
            adopt(record, copy, offset: offset)
            return
        }
        let lost: Int = (knownSize ?? 0) - (offset ?? record.position)
        guard lost > 0 else { return }
        lose(lost, of: record, "a log file was truncated before it was read to its end")
    }

    private func lose(_ bytes: Int, of record: FileRecord, _ message: Logger.Message) {
        dependencies.metrics.lostLogBytes(bytes)
        dependencies.logger.warning(message, metadata: .of([.path: record.path, .count: bytes]))
    }

    /// A file that is open, and what it begins with.
    struct Opened {
        var path: String
        var file: any LogContent
        var stamp: LogFile.Stamp
        var head: ContentHead

        init?(_ path: String) {
            let content: (any LogContent)? =
                if isCompressedName(path) {
                    PackedLog.form(ofName: path).flatMap { try? PackedLog(path, $0) }
                } else {
                    try? LogFile(path)
                }
            guard let file = content, let stamp = try? file.stamp(), let head = try? file.head() else { return nil }
            self.path = path
            self.file = file
            self.stamp = stamp
            self.head = head
        }
    }

    @discardableResult
    private func adopt(_ record: FileRecord, _ opened: Opened, offset: Int? = nil) -> TrackedFile {
        var record: FileRecord = record
        record.identity = opened.stamp.identity
        records = records.filter { $0.value.identity != record.identity }
        let moved: TrackedFile = track(record, opened.file, opened.stamp, opened.head)
        moved.record.path = opened.path
        moved.isRotated = true
        if let offset, offset <= opened.stamp.size { moved.offset = max(offset, record.position) }
        return moved
    }

    /// The copy of a content among the names that a rotation gives, the newest if there are several.
    private func copy(of record: FileRecord) -> Opened? {
        guard record.fingerprint.length > 0 else { return nil }
        return neighbours(of: record.path)
            .filter { record.fingerprint.matches($0.head) && $0.stamp.size >= record.position }
            .max { $0.stamp.modifiedAt < $1.stamp.modifiedAt }
    }

    /// Files in the folder of `path` with a rotated name that nobody reads and nobody has read.
    private func neighbours(of path: String) -> [Opened] {
        let (folder, base) = folderAndName(path)
        // A packed file was taken for done because its content was being read: it may have come otherwise.
        let known: Set<FileIdentity> = Set(tracked.map(\.identity)).union(
            records.values.filter { !($0.isDone && isCompressedName($0.path)) }.map(\.identity))
        return names(in: folder).filter { isAnyRotatedName(nameBeforePacking($0), of: base) }
            .compactMap { name -> Opened? in
                guard let found = FoundFile("\(folder)/\(name)"), !known.contains(found.identity) else { return nil }
                return Opened(found.path)
            }
    }

    private func names(in folder: String) -> [String] {
        ((try? LinuxHostFiles().list(folder.isEmpty ? "/" : folder)) ?? []).sorted()
    }

    /// Between two looks a path may have had files that were rotated away before anybody saw them: files with a rotated
    /// name that were written since the last look. They are looked for wherever a folder has changed.
    func readBetween(now: Timestamp) {
        let known: [FileRecord] = tracked.map(\.record) + records.values
        let byFolder: [String: [FileRecord]] = Dictionary(grouping: known) { folderAndName($0.path).folder }
        for (folder, records) in byFolder {
            guard let at = changeTime(ofFolder: folder.isEmpty ? "/" : folder) else { continue }
            guard folders.updateValue(at, forKey: folder) != at || now - at < Surroundings.freshFolder else { continue }
            readBetween(folder, records)
        }
    }

    private struct PathOfSource: Hashable {
        var path: String
        var source: String
    }

    private func readBetween(_ folder: String, _ known: [FileRecord]) {
        guard let lookedAt else { return }
        let found: [FoundFile] = names(in: folder).compactMap { FoundFile("\(folder)/\($0)") }
        let read: Set<FileIdentity> = Set(tracked.map(\.identity))
        let unknown: [FoundFile] = found.filter {
            $0.modifiedAt >= lookedAt - Self.lookSlack && !read.contains($0.identity) && !isRecorded($0)
        }
        guard !unknown.isEmpty else { return }
        let nameOf: [FileIdentity: String] = Dictionary(found.map { ($0.identity, folderAndName($0.path).name) }) {
            first, _ in first
        }
        // Paths whose content now has a name with the mark inside: their rotation gives such names.
        let inner: Set<String> = Set(
            known.filter { record in
                nameOf[record.identity].map { isInnerRotatedName($0, of: folderAndName(record.path).name) } ?? false
            }.map(\.path))
        for item in Set(known.map { PathOfSource(path: $0.path, source: $0.source) }) {
            guard let source = source(named: item.source) else { continue }
            let base: String = folderAndName(item.path).name
            for file in unknown {
                let name: String = nameBeforePacking(folderAndName(file.path).name)
                guard isRotatedName(name, of: base) || (inner.contains(item.path) && isInnerRotatedName(name, of: base))
                else { continue }
                readBetween(file, item.path, of: source)
            }
        }
    }

    /// Whether a file is one of those that are not being read. The number alone says little: that of a file which a
    /// rotation packed and removed is given to the next.
    private func isRecorded(_ found: FoundFile) -> Bool {
        let same: [FileRecord] = records.values.filter { $0.identity == found.identity }
        guard !same.isEmpty, let opened = Opened(found.path) else { return !same.isEmpty }
        return same.contains { $0.fingerprint.matches(opened.head) && $0.position <= opened.stamp.size }
    }

    private func readBetween(_ found: FoundFile, _ path: String, of source: Source) {
        guard !source.exclude.contains(where: { $0.matches(found.path) }), let opened = Opened(found.path),
            opened.stamp.size > 0, !tracked.contains(where: { $0.identity == opened.stamp.identity }),
            !isKnown(opened, of: source.name)
        else { return }
        let record: FileRecord = newRecord(source.name, path, opened.stamp, opened.head)
        track(record, opened.file, opened.stamp, opened.head).isRotated = true
    }

    /// Whether a content is being read, or is that of a record.
    private func isKnown(_ opened: Opened, of source: String) -> Bool {
        // A copy of what is being read is no file in between, be it finished or not.
        let isRead: Bool = tracked.contains { isBeginning($0.head, opened.head) }
        let record: FileRecord? = records.values.first {
            $0.fingerprint.length > 0 && $0.fingerprint.matches(opened.head)
        }
        if isCompressedName(opened.path), isRead || record?.isDone == true {
            // The file that it was packed from goes away with its record. It never grows: it may be remembered.
            var done: FileRecord = newRecord(
                source, opened.path, opened.stamp, opened.head, at: opened.stamp.size)
            done.isDone = true
            records[done.stream] = done
        }
        return isRead || record != nil
    }

    /// Looks for files of an earlier run that are no longer where they were: renamed, or copied and truncated.
    func recover(_ source: Source) {
        for record in records.values.filter({ $0.source == source.name && !$0.isDone }) {
            let folder: String = folderAndName(record.path).folder
            // What cannot be looked at now may be there later.
            guard let names = try? LinuxHostFiles().list(folder.isEmpty ? "/" : folder) else { continue }
            let same: FoundFile? = names.lazy.compactMap { FoundFile("\(folder)/\($0)") }
                .first { $0.identity == record.identity }
            if let same {
                guard let opened = Opened(same.path) else { continue }
                if record.fingerprint.matches(opened.head), opened.stamp.size >= record.position {
                    forget(record)
                    // Under its old path, whose next file has to know that it had one before.
                    adopt(record, opened).record.path = record.path
                    continue
                }
            }
            forget(record)
            if let copy = copy(of: record) {
                adopt(record, copy)
            } else if let packed = unreadable(besides: record) {
                dependencies.metrics.unreadableLogFile()
                dependencies.logger.error(
                    "a log file was packed before it was read, in a form that is not read; use gzip, zstd or delaycompress",
                    metadata: .of([.path: packed, .count: record.position]))
            } else if let size = record.size, size > record.position {
                lose(size - record.position, of: record, "a log file is gone that was not read to its end")
            } else {
                dependencies.logger.warning(
                    "a log file is gone; if it was not read to its end, the rest is lost",
                    metadata: .of([.path: record.path, .count: record.position]))
            }
        }
    }

    /// A packed file beside the path of a record that was written since the last look and cannot be unpacked.
    private func unreadable(besides record: FileRecord) -> String? {
        guard let lookedAt else { return nil }
        let (folder, base) = folderAndName(record.path)
        return names(in: folder)
            .filter { isCompressedName($0) && isAnyRotatedName(nameBeforePacking($0), of: base) }
            .compactMap { FoundFile("\(folder)/\($0)") }
            .first { $0.modifiedAt >= lookedAt - Self.lookSlack && Opened($0.path) == nil }?.path
    }

    private func forget(_ record: FileRecord) {
        records[record.stream] = nil
        hasChanged = true
    }
}
