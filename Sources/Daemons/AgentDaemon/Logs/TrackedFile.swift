import Declarations
import HostSystem
import Runtime
import Telemetry

/// One file that is being read. Owned by the tailer.
final class TrackedFile {
    var record: FileRecord
    let file: any LogContent
    /// Of the file as it is open; the record's is of where the content was first.
    let identity: FileIdentity
    /// The bytes that the fingerprint is of.
    private(set) var head: ContentHead
    /// The next byte to be read. Between the record's position and it lies what is under way.
    var offset: Int
    /// The largest size seen.
    var size: Int
    /// When it was seen to grow last, on the tailer's own clock.
    var grownAt: Duration
    var modifiedAt: Timestamp
    /// No longer what its path leads to: read to its end, then let go.
    var isRotated = false
    /// When it was seen without a name, and delivered, on the tailer's own clock.
    var removedAt: Duration?
    /// The time of the last line, while lines are read in one go.
    var lastTime: Timestamp?

    /// Whether content is left that was not read.
    var hasUnread: Bool { offset < size }
    var isDelivered: Bool { record.position >= size }
    /// The record as it is written down.
    var written: FileRecord {
        var written: FileRecord = record
        written.size = isDelivered ? nil : size
        return written
    }

    init(_ record: FileRecord, _ file: any LogContent, _ stamp: LogFile.Stamp, head: ContentHead, at elapsed: Duration)
    {
        self.record = record
        self.file = file
        self.head = head
        identity = stamp.identity
        offset = record.position
        size = max(stamp.size, record.position)
        modifiedAt = stamp.modifiedAt
        grownAt = elapsed
        // Or taken by an earlier version, with NULs.
        let isOld: Bool = record.fingerprint.start != head.firstPlace
        if record.fingerprint.length < head.bytes.count || isOld { self.record.fingerprint = Fingerprint(head) }
    }

    /// Whether the file still holds what was read of it; takes up new bytes into the fingerprint where it does.
    func holdsItsContent() throws(FileError) -> Bool {
        guard !head.isEmpty else {
            take(try file.head())
            return true
        }
        let now: [UInt8] = try file.read(at: head.start, count: Fingerprint.mostBytes)
        guard now.starts(with: head.bytes) else { return false }
        // Where it began with a hole, it still does: lines that are alike may lie anywhere.
        if head.start > 0, try file.read(at: 0, count: 1) != [0] { return false }
        if now.count > head.bytes.count { take(ContentHead(start: head.start, now)) }
        return true
    }

    private func take(_ head: ContentHead) {
        self.head = head
        record.fingerprint = Fingerprint(head)
    }
}
