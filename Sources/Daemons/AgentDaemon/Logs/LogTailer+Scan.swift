import Declarations
import HostSystem
import Logging
import Runtime
import Synchronization
import Telemetry

/// Looking for files: which are there, which are new, which were rotated away.
extension LogTailer {
    /// A file that a source named.
    struct Match {
        var file: FoundFile
        var source: Source
    }

    /// An unfinished last line is taken for a whole one when nothing came for so long.
    static let unfinishedLineWait = Duration.seconds(5)
    /// How long a file that looks like the copy of another is left alone, to see whether the other is truncated.
    static let copyWait = Duration.seconds(5)
    /// A file that was rotated away is let go when nobody wrote to it for so long: programs keep on writing to the old
    /// file until they are told.
    static let rotatedWait = PromDuration.minutes(10)
    /// A file without a name is let go when nobody wrote to it for so long: shorter, as its room on the disk is held until
    /// then.
    static let removedWait = Duration.seconds(30)
    /// Files without a name that are kept open for what may come, the last ones.
    static let mostRemoved = 32
    /// How much longer ago than the last look a file may have been written that was the path's in between.
    static let lookSlack = PromDuration.seconds(2)

    /// One look at everything.
    func scan() {
        let now: Timestamp = dependencies.clocks.now()
        var problems: [String: [String]] = [:]
        let matches: [Match] = matches(&problems, now: now)
        let found: [FileIdentity: Match] = Dictionary(matches.map { ($0.file.identity, $0) }) { first, _ in first }
        follow(found)
        for file in tracked { check(file) }
        var known: Set<FileIdentity> = Set(tracked.map(\.identity))
        for match in matches where !known.contains(match.file.identity) {
            guard tracked.count < dependencies.mostFiles else {
                problems[match.source.name, default: []]
                    .append("more than \(dependencies.mostFiles) files; the rest waits")
                break
            }
            let before: Int = tracked.count
            do throws(FileError) { try begin(match) } catch {
                problems[match.source.name, default: []].append(error.description)
            }
            for file in tracked.dropFirst(before) { known.insert(file.identity) }
        }
        readBetween(now: now)
        for source in sources where recoveredSources.insert(source.name).inserted { recover(source) }
        release(now: now)
        noteSources(problems)
        hasProblems = problems.contains { !$0.value.isEmpty }
        lookedAt = now
        noteJournals()
        if containerLogs.count > 2 * tracked.count + 100 { containerLogs = [:] }
        save(atMostOncePer: Self.saveInterval)
        publish()
    }

    /// Files in the order of the sources that claim them, each once.
    private func matches(_ problems: inout [String: [String]], now: Timestamp) -> [Match] {
        surroundings = Surroundings()
        var matches: [Match] = []
        var claimed: Set<FileIdentity> = []
        for source in sources {
            for glob in source.files {
                let expansion = PathExpansion(glob)
                problems[source.name, default: []] += expansion.problems
                surroundings.add(expansion.folders, now: now)
                for path in expansion.paths where !isCompressedName(path) {
                    guard !source.exclude.contains(where: { $0.matches(path) }), isWanted(path, by: source) else {
                        continue
                    }
                    let found: FoundFile? = FoundFile(path)
                    surroundings.add(path, found)
                    guard let file = found else { continue }
                    if claimed.insert(file.identity).inserted { matches.append(Match(file: file, source: source)) }
                }
            }
        }
        return matches
    }

    /// Whether a file of a container's runtime is of a container that the source names.
    private func isWanted(_ path: String, by source: Source) -> Bool {
        guard !source.containers.isEmpty else { return true }
        guard let log = containerLog(path) else { return false }
        // What the agent writes about delivering a line would be the next line.
        if dependencies.containers.isOwn(log) { return source.spec.containers.contains(log.name) }
        return source.containers.contains { $0.matches(log.name) }
    }

    /// What is known of the container that a file is of; looked up once.
    func containerLog(_ path: String) -> ContainerLog? {
        if let known = containerLogs[path] { return known }
        let log: ContainerLog? = dependencies.containers.log(path)
        // Without its name it is asked again: a container's files are not made in one moment.
        if let log, log.hasName { containerLogs[path] = log }
        return log
    }

    /// Tells the files that are being read what became of their names.
    private func follow(_ found: [FileIdentity: Match]) {
        tracked.removeAll { file in
            if let match = found[file.identity] {
                if file.record.path != match.file.path || file.record.source != match.source.name {
                    file.record.path = match.file.path
                    file.record.source = match.source.name
                    hasChanged = true
                }
                file.isRotated = false
                return false
            }
            // Nobody wants it any more: what is known of it stays, should it be wanted again.
            guard source(named: file.record.source) != nil else {
                records[file.record.stream] = file.record
                hasChanged = true
                return true
            }
            file.isRotated = true
            return false
        }
    }

    /// Looks whether a file grew, or holds something else by now.
    private func check(_ file: TrackedFile) {
        guard let stamp = try? file.file.stamp() else { return }
        guard stamp.size != file.size || stamp.modifiedAt != file.modifiedAt else { return }
        let holds: Bool = (try? holdsItsContent(file)) ?? true
        guard stamp.size >= file.offset, holds else { return truncated(file, stamp) }
        if stamp.size > file.size {
            file.grownAt = elapsed()
            hasChanged = true
        }
        file.size = max(stamp.size, file.offset)
        file.modifiedAt = stamp.modifiedAt
    }

    /// Whether a file still holds what was read of it. What a file begins with that was empty when it was met is written
    /// down before anything of it is sent: after a crash its record would else fit whatever the file holds then, and lines
    /// of that would pass for lines that the server has.
    func holdsItsContent(_ file: TrackedFile) throws(FileError) -> Bool {
        let wasEmpty: Bool = file.head.isEmpty
        guard try file.holdsItsContent() else { return false }
        if wasEmpty, !file.head.isEmpty { unsavedStreams.insert(file.record.stream) }
        return true
    }

    /// Begins with a file that is not being read.
    private func begin(_ match: Match) throws(FileError) {
        if let refusal = dependencies.credentials.refusal(of: match.file.path) { throw refusal }
        let file = try LogFile(match.file.path)
        let stamp: LogFile.Stamp = try file.stamp()
        // Replaced since it was found: the next look finds the other.
        guard stamp.identity == match.file.identity else { return }
        let head: ContentHead = try file.head()
        if let record = records.values.first(where: { $0.identity == stamp.identity }) {
            records[record.stream] = nil
            hasChanged = true
            if record.fingerprint.matches(head), record.position <= stamp.size {
                return resume(record, match, file, stamp, head)
            }
            // Truncated, or its number given to another file, while nobody looked.
            if !record.isDone { rescue(record, knownSize: record.size) }
        } else if isProbableCopy(match.file, head) {
            return
        }
        let isOld: Bool = !knownSources.contains(match.source.name)
        let start: Int? = isOld && match.source.spec.from == .end ? stamp.size : nil
        track(newRecord(match.source.name, match.file.path, stamp, head, at: start), file, stamp, head)
    }

    private func resume(
        _ record: FileRecord, _ match: Match, _ file: LogFile, _ stamp: LogFile.Stamp, _ head: ContentHead
    ) {
        var record: FileRecord = record
        record.source = match.source.name
        record.path = match.file.path
        record.isDone = false
        track(record, file, stamp, head)
    }

    /// Whether a file looks like what `cp app.log app.log.1` makes, so that it is the old content once `app.log` is
    /// truncated. Until that is clear it is left alone; a copy that stays is a file of its own.
    private func isProbableCopy(_ found: FoundFile, _ head: ContentHead) -> Bool {
        let (folder, name) = folderAndName(found.path)
        let isCopy: Bool = tracked.contains { original in
            let path: (folder: String, name: String) = folderAndName(original.record.path)
            return path.folder == folder && isAnyRotatedName(name, of: path.name) && isBeginning(head, original.head)
        }
        guard isCopy else {
            deferred[found.identity] = nil
            return false
        }
        let since: Duration = deferred[found.identity] ?? elapsed()
        deferred[found.identity] = since
        return elapsed() - since < Self.copyWait
    }

    /// Of a content that is read from `position` on; from its beginning where there is none.
    func newRecord(
        _ source: String, _ path: String, _ stamp: LogFile.Stamp, _ head: ContentHead, at position: Int? = nil
    ) -> FileRecord {
        let stream: String = hexadecimal((0..<16).map { _ in UInt8.random(in: 0 ... .max) })
        unsavedStreams.insert(stream)
        return FileRecord(
            stream: stream, source: source, path: path, identity: stamp.identity, fingerprint: Fingerprint(head),
            position: position ?? head.firstPlace)
    }

    @discardableResult
    func track(
        _ record: FileRecord, _ file: any LogContent, _ stamp: LogFile.Stamp, _ head: ContentHead
    ) -> TrackedFile {
        let begun = TrackedFile(record, file, stamp, head: head, at: elapsed())
        tracked.append(begun)
        deferred[stamp.identity] = nil
        hasChanged = true
        return begun
    }

    /// Lets go of files that were rotated away and are delivered, when nobody writes to them any more.
    private func release(now: Timestamp) {
        let present: Duration = elapsed()
        var released: Set<FileIdentity> = []
        var removed: [(identity: FileIdentity, quietFor: Duration)] = []
        for file in tracked where file.isRotated && file.isDelivered {
            guard let stamp = try? file.file.stamp(), stamp.size <= file.size else { continue }
            if stamp.isRemoved {
                let at: Duration = file.removedAt ?? present
                if file.removedAt == nil { hasChanged = true }
                file.removedAt = at
                removed.append((file.identity, present - max(at, file.grownAt)))
            } else if stamp.modifiedAt < now - Self.rotatedWait {
                released.insert(file.identity)
                file.record.isDone = true
                records[file.record.stream] = file.record
            }
        }
        released.formUnion(Self.released(quietFor: removed.map(\.quietFor)).map { removed[$0].identity })
        guard !released.isEmpty else { return }
        tracked.removeAll { released.contains($0.identity) }
        hasChanged = true
    }

    /// Which files without a name are let go, of those that nobody has written to for `spans`.
    static func released(quietFor spans: [Duration]) -> [Int] {
        let latest: [Int] = spans.indices.sorted { spans[$0] < spans[$1] }
        return latest.enumerated().filter { $0.offset >= mostRemoved || spans[$0.element] >= removedWait }
            .map(\.element).sorted()
    }

    private func noteSources(_ problems: [String: [String]]) {
        for source in sources {
            if knownSources.insert(source.name).inserted { hasChanged = true }
            let files: Int = tracked.count { $0.record.source == source.name }
            let own: [String] = problems[source.name] ?? []
            var messages: [String] = Array(own.prefix(3))
            if own.count > 3 { messages.append("and \(own.count - 3) more") }
            if files == 0, own.isEmpty { messages.append("no file is there yet") }
            let report = CollectorHealth.Report(
                isFailing: files == 0 && !own.isEmpty, error: messages.isEmpty ? nil : messages.joined(separator: "; "))
            let earlier: CollectorHealth.Report? = dependencies.health[source.healthKey]
            dependencies.health.set(source.healthKey, report)
            // Once per change, not four times a second.
            if report != earlier, !own.isEmpty {
                dependencies.logger.warning(
                    "a log source cannot read everything",
                    metadata: .of([.name: source.name, .reason: report.error ?? ""]))
            }
        }
    }

    private func publish() {
        publishBacklog()
        if tracked.contains(where: \.hasUnread) || feeds.values.contains(where: { $0.count > 0 }) { work.raise() }
    }

    func publishBacklog() {
        let backlog: Int = tracked.reduce(0) { $0 + max(0, $1.size - $1.record.position) }
        published.withLock {
            $0.files = tracked.count
            $0.backlogBytes = backlog
        }
    }
}
