/// One line of `/proc/PID/mountinfo` (proc(5)).
struct MountPoint: Hashable, Sendable {
    /// `major:minor`: equal for every place where one file system is mounted.
    var device: String
    /// What of the file system is mounted here; `/` unless it is a bind mount or a subvolume.
    var root: String
    var path: String
    var type: String
    /// What is mounted: `/dev/vda1`, `server:/export`, `tmpfs`.
    var source: String
    var isReadOnly: Bool

    init(device: String, root: String, path: String, type: String, source: String, isReadOnly: Bool) {
        self.device = device
        self.root = root
        self.path = path
        self.type = type
        self.source = source
        self.isReadOnly = isReadOnly
    }

    /// Reads one line; nil where it is none. Optional fields stand between the sixth and a lone `-`.
    init?(parsing line: Bytes) {
        let parts: [Bytes] = fields(line)
        guard parts.count >= 9, let dash = parts[6...].firstIndex(where: { text($0) == "-" }), dash + 2 < parts.count
        else { return nil }
        let options: [Bytes] = parts[5].split(separator: UInt8(ascii: ","))
        let superOptions: [Bytes] = dash + 3 < parts.count ? parts[dash + 3].split(separator: UInt8(ascii: ",")) : []
        self.init(
            device: label(parts[2]), root: label(unescaped(parts[3])), path: label(unescaped(parts[4])),
            type: label(parts[dash + 1]), source: label(unescaped(parts[dash + 2])),
            isReadOnly: options.contains { text($0) == "ro" }
                || superOptions.contains { text($0) == "ro" || text($0) == "emergency_ro" })
    }

    /// The mounts to look at: without what is excluded, each file system once.
    ///
    /// A mount over another hides it, so the last of one path counts. Of several mounts of one file system the one that
    /// shows all of it comes first, then the shortest path: bind mounts say nothing new.
    static func selected(_ mounts: [MountPoint], exclusion: Exclusion) -> [MountPoint] {
        var visible: [String: MountPoint] = [:]
        for mount in mounts { visible[mount.path] = mount }
        var chosen: [String: MountPoint] = [:]
        for mount in visible.values where !mount.isExcluded(exclusion) {
            if let other = chosen[mount.device], other.isPreferred(to: mount) { continue }
            chosen[mount.device] = mount
        }
        return chosen.values.sorted { $0.path < $1.path }
    }

    private func isExcluded(_ exclusion: Exclusion) -> Bool {
        DefaultExclusions.coversFileSystemType(type) || DefaultExclusions.coversMountPoint(path)
            || exclusion.covers(path) || exclusion.covers(type) || exclusion.covers(source)
    }

    private func isPreferred(to other: MountPoint) -> Bool {
        if (root == "/") != (other.root == "/") { return root == "/" }
        return (path.utf8.count, path) < (other.path.utf8.count, other.path)
    }
}

/// Blanks and backslashes stand as `\040`, three octal digits.
private func unescaped(_ bytes: Bytes) -> [UInt8] {
    guard bytes.contains(UInt8(ascii: "\\")) else { return Array(bytes) }
    var result: [UInt8] = []
    var rest: Bytes = bytes
    while let byte = rest.popFirst() {
        let digits: Bytes = rest.prefix(3)
        if byte == UInt8(ascii: "\\"), digits.count == 3, let code = UInt8(text(digits), radix: 8) {
            result.append(code)
            rest = rest.dropFirst(3)
        } else {
            result.append(byte)
        }
    }
    return result
}
