import Runtime
import Telemetry

/// `/proc/mdstat`: arrays of the kernel's own RAID. A host without has nothing to tell.
struct RAIDCollector: HostCollector {
    let name = "mdadm"
    let exclusion: Exclusion
    private static let path = "/proc/mdstat"
    private let files: any HostFiles

    private static let states: [(label: String, state: RAIDArray.State)] = [
        ("active", .active), ("inactive", .inactive), ("recovering", .recovering), ("resync", .resyncing),
        ("check", .checking),
    ]

    init(files: any HostFiles, exclusion: Exclusion) {
        self.files = files
        self.exclusion = exclusion
    }

    mutating func collect(into collected: inout Collected) async {
        guard let content = contentIfPresent(Self.path, files, &collected) else { return }
        let all: [Bytes] = Array(lines(content))
        for (place, line) in all.enumerated() where line.begins(with: "md") {
            let following: ArraySlice<Bytes> = all[(place + 1)...].prefix { $0.first == UInt8(ascii: " ") }
            guard let array = RAIDArray(line, following) else {
                collected.problems.append("\(Self.path): not understood: \(quoted(line))")
                continue
            }
            if !exclusion.covers(array.device) { add(array, &collected) }
        }
    }

    private func add(_ array: RAIDArray, _ collected: inout Collected) {
        for (label, state) in Self.states {
            collected.add(
                Series("node_md_state", ["device": array.device, "state": label]), array.state == state ? 1 : 0)
        }
        for (label, count) in [("active", array.active), ("failed", array.failed), ("spare", array.spare)] {
            collected.add(Series("node_md_disks", ["device": array.device, "state": label]), Double(count))
        }
        let device: Labels = ["device": array.device]
        collected.add(Series("node_md_disks_required", device), Double(array.required))
        collected.add(Series("node_md_blocks", device), Double(array.blocks))
        collected.add(Series("node_md_blocks_synced", device), Double(array.syncedBlocks))
    }
}

/// One array of `/proc/mdstat`.
struct RAIDArray: Hashable, Sendable {
    enum State: Hashable, Sendable { case active, inactive, recovering, resyncing, checking, other }

    var device: String
    var state: State
    var required: UInt64 = 0
    var active: UInt64 = 0
    var failed: UInt64 = 0
    var spare: UInt64 = 0
    var blocks: UInt64 = 0
    var syncedBlocks: UInt64 = 0

    /// Reads the line of the array and those below it.
    ///
    /// ```
    /// md0 : active raid1 sdb1[1] sda1[0](F)
    ///       248896 blocks [2/1] [U_]
    ///       [=>...................]  recovery =  8.5% (16775552/195310144) finish=17.0min speed=259783K/sec
    /// ```
    init?(_ line: Bytes, _ below: ArraySlice<Bytes>) {
        let parts: [Bytes] = fields(line)
        guard parts.count >= 3, parts[1].equals(":"), let status = below.first else { return nil }
        device = label(parts[0])
        state = parts[2].equals("active") ? .active : parts[2].equals("inactive") ? .inactive : .other
        let disks: ArraySlice<Bytes> = parts[3...].filter { $0.contains(UInt8(ascii: "[")) }[...]
        failed = UInt64(disks.count { text($0).hasSuffix("(F)") })
        spare = UInt64(disks.count { text($0).hasSuffix("(S)") })
        var statusParts = Fields(status)
        guard let size = statusParts.nextCounter() else { return nil }
        blocks = size
        syncedBlocks = size
        if state != .inactive {
            let level: Bytes? = parts[3...].first { !$0.contains(UInt8(ascii: "[")) && !$0.begins(with: "(") }
            if level?.equals("raid0") == true || level?.equals("linear") == true {
                required = UInt64(disks.count)
                active = required
            } else {
                guard let (total, present) = Self.counts(status) else { return nil }
                required = total
                active = present
            }
        }
        for line in below.dropFirst() { readProgress(line) }
    }

    /// `[2/1]`: how many disks are wanted, and how many there are.
    private static func counts(_ status: Bytes) -> (UInt64, UInt64)? {
        for part in Fields(status) where part.first == UInt8(ascii: "[") && part.last == UInt8(ascii: "]") {
            let numbers: [Bytes] = part.dropFirst().dropLast().split(separator: UInt8(ascii: "/"))
            guard numbers.count == 2, let total = counter(numbers[0]), let present = counter(numbers[1]) else {
                continue
            }
            return (total, present)
        }
        return nil
    }

    private mutating func readProgress(_ line: Bytes) {
        let words: String = text(line)
        for (word, state) in [
            ("recovery", State.recovering), ("resync", .resyncing), ("check", .checking),
        ] {
            guard words.contains(word) else { continue }
            self.state = state
            // `(16775552/195310144)`; one that waits (PENDING, DELAYED) has done nothing.
            syncedBlocks = 0
            for part in Fields(line) where part.first == UInt8(ascii: "(") {
                let done: Bytes = part.dropFirst().prefix { $0 != UInt8(ascii: "/") }
                if let count = counter(done) { syncedBlocks = count }
            }
            return
        }
    }
}
