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
    private(set) var head: [UInt8]
    /// The next byte to be read. Between the record's position and it lies what is under way.
    var offset: Int
    /// The largest size seen.
    var size: Int
    /// When it was seen to grow last, on the tailer's own clock.
    var grownAt: Duration
    var modifiedAt: Timestamp
    /// No longer what its path leads to: read to its end, then let go.
    var isRotated = false
    /// The time of the last line, while lines are read in one go.
    var lastTime: Timestamp?

    /// Whether content is left that was not read.
    var hasUnread: Bool { offset < size }
    var isDelivered: Bool { record.position >= size }

    init(_ record: FileRecord, _ file: any LogContent, _ stamp: LogFile.Stamp, head: [UInt8], at elapsed: Duration) {
        self.record = record
        self.file = file
        self.head = head
        identity = stamp.identity
        offset = record.position
        size = stamp.size
        modifiedAt = stamp.modifiedAt
        grownAt = elapsed
        if record.fingerprint.length < head.count { self.record.fingerprint = Fingerprint(head) }
    }

    /// Whether the file still holds what was read of it; takes up new bytes into the fingerprint where it does.
    func holdsItsContent() throws(FileError) -> Bool {
        let now: [UInt8] = try file.read(at: 0, count: Fingerprint.mostBytes)
        guard now.starts(with: head) else { return false }
        if now.count > head.count {
            head = now
            record.fingerprint = Fingerprint(now)
        }
        return true
    }
}
