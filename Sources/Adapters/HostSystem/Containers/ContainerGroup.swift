import Runtime

/// The control group of a container, as its folder's name tells.
struct ContainerGroup: Hashable, Sendable {
    static let root = "/sys/fs/cgroup"
    /// What people know of a container's number.
    static let shortLength = 12
    /// Folders below one another that are looked into: `kubepods.slice/kubepods-burstable.slice/…-pod….slice/….scope`.
    private static let deepest = 6

    var path: String
    /// The number's beginning, or a name where the group has one.
    var id: String
    var fullID: String
    /// Whether an engine has to be asked for the name.
    var needsName: Bool

    /// All of a host, by a walk that does not look into containers.
    static func all(_ files: any HostFiles) -> [ContainerGroup] {
        var found: [ContainerGroup] = []
        var pending: [(path: String, depth: Int)] = [(root, 0)]
        while let (path, depth) = pending.popLast() {
            // Files stand beside folders; only folders have none of a file's endings, and listing a file fails.
            for name in (try? files.list(path)) ?? [] where mayBeGroup(name) {
                let child = "\(path)/\(name)"
                if let group = ContainerGroup(name: name, path: child) {
                    found.append(group)
                } else if depth < deepest {
                    pending.append((child, depth + 1))
                }
            }
        }
        return found
    }

    /// Files of a control group are named after their controller: `cpu.stat`, `cgroup.procs`.
    private static func mayBeGroup(_ name: String) -> Bool {
        for controller in [
            "cgroup.", "cpu.", "cpuset.", "io.", "memory.", "pids.", "hugetlb.", "rdma.", "misc.", "irq.",
        ]
        where name.hasPrefix(controller) {
            return false
        }
        return true
    }

    init?(name: String, path: String) {
        self.path = path
        var stem: Substring = name[...]
        if stem.hasSuffix(".scope") { stem = stem.dropLast(".scope".utf8.count) }
        for prefix in ["docker-", "libpod-", "cri-containerd-", "crio-", "nerdctl-"] where stem.hasPrefix(prefix) {
            stem = stem.dropFirst(prefix.utf8.count)
        }
        if stem.utf8.count == 64, stem.utf8.allSatisfy({ isHexadecimal($0) }) {
            id = String(stem.prefix(Self.shortLength))
            fullID = String(stem)
            needsName = true
            return
        }
        // systemd-nspawn and LXC name the group after the container.
        for prefix in ["machine-", "lxc.payload."] where stem.hasPrefix(prefix) {
            id = String(stem.dropFirst(prefix.utf8.count))
            fullID = id
            needsName = false
            guard !id.isEmpty, prefix != "machine-" || name.hasSuffix(".scope") else { return nil }
            return
        }
        return nil
    }
}

private func isHexadecimal(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
}
