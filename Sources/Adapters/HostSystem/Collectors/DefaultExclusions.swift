/// What is left out unless somebody asks: node_exporter's defaults, so that the same series come out.
enum DefaultExclusions {
    /// File systems that hold no files of their own, and read-only images, which are always full.
    private static let fileSystemTypes: Set<String> = [
        "autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "erofs",
        "fusectl", "hugetlbfs", "iso9660", "mqueue", "nsfs", "overlay", "proc", "procfs", "pstore", "rpc_pipefs",
        "securityfs", "selinuxfs", "squashfs", "sysfs", "tracefs",
    ]
    private static let mountPoints = ["/dev", "/proc", "/sys"]
    /// What lies below these, not the folders themselves.
    private static let mountPointParents = [
        "/run/credentials/", "/var/lib/docker/", "/var/lib/containers/storage/",
    ]

    static func coversFileSystemType(_ type: String) -> Bool { fileSystemTypes.contains(type) }

    static func coversMountPoint(_ path: String) -> Bool {
        mountPoints.contains { path == $0 || path.hasPrefix($0 + "/") }
            || mountPointParents.contains { path.hasPrefix($0) && path.utf8.count > $0.utf8.count }
    }

    /// Partitions and memory: `^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$`.
    static func coversDisk(_ device: Bytes) -> Bool {
        let stem: Bytes = device.dropLast(trailingDigits(device))
        guard stem.count < device.count else { return false }
        let name: String = text(stem)
        if ["ram", "zram", "loop", "fd"].contains(name) { return true }
        if ["hd", "sd", "vd", "xvd"].contains(name.dropLast()), let letter = stem.last {
            return (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(letter)
        }
        return isNVMePartitionStem(stem)
    }

    /// `nvme0n1p` of `nvme0n1p2`.
    private static func isNVMePartitionStem(_ stem: Bytes) -> Bool {
        guard stem.starts(with: "nvme".utf8), stem.last == UInt8(ascii: "p") else { return false }
        let namespace: Bytes = stem.dropLast()
        let controller: Bytes = namespace.dropLast(trailingDigits(namespace))
        guard controller.count < namespace.count, controller.last == UInt8(ascii: "n") else { return false }
        let numbered: Bytes = controller.dropLast()
        return trailingDigits(numbered) > 0 && trailingDigits(numbered) == numbered.count - 4
    }

    private static func trailingDigits(_ bytes: Bytes) -> Int {
        bytes.reversed().prefix { $0 &- UInt8(ascii: "0") < 10 }.count
    }
}
