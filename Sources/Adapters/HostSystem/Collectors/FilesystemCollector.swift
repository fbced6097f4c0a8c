import Runtime
import Telemetry

/// How large and how full each mounted file system is.
struct FilesystemCollector: HostCollector {
    let name = "filesystem"
    let exclusion: Exclusion
    private let dependencies: CollectorDependencies

    /// The mounts of process 1 are the host's, also where this process has a mount namespace of its own. They may be
    /// hidden from it (hidepid, no rights); then its own must do.
    private static let paths = ["/proc/1/mountinfo", "/proc/self/mountinfo"]

    init(_ dependencies: CollectorDependencies, exclusion: Exclusion) {
        self.dependencies = dependencies
        self.exclusion = exclusion
    }

    mutating func collect(into collected: inout Collected) async {
        let mounts: [MountPoint] = MountPoint.selected(readMounts(&collected), exclusion: exclusion)
        for (mount, answer) in await ask(mounts) { report(mount, answer, to: &collected) }
    }

    private func readMounts(_ collected: inout Collected) -> [MountPoint] {
        var content: [UInt8] = []
        var failure: FileError?
        for path in Self.paths where content.isEmpty {
            do throws(FileError) { content = try dependencies.files.read(path) } catch { failure = error }
        }
        if content.isEmpty, let failure { collected.problems.append(failure.description) }
        return lines(content).compactMap { line in
            if let mount = MountPoint(parsing: line) { return mount }
            collected.problems.append("mountinfo: not a mount: \(quoted(line))")
            return nil
        }
    }

    /// Asks all at once, so that several dead mounts cost one time limit together.
    private func ask(_ mounts: [MountPoint]) async -> [(MountPoint, Result<FileSystemSpace, FileError>)] {
        let dependencies: CollectorDependencies = self.dependencies
        return await withTaskGroup(of: (Int, Result<FileSystemSpace, FileError>).self) { group in
            for (index, mount) in mounts.enumerated() {
                group.addTask {
                    let answer = await dependencies.probes.space(
                        of: mount.path, in: dependencies.files, clock: dependencies.clock,
                        timeout: dependencies.mountTimeout)
                    return (index, answer)
                }
            }
            var answers: [Int: Result<FileSystemSpace, FileError>] = [:]
            for await (index, answer) in group { answers[index] = answer }
            return mounts.enumerated().compactMap { index, mount in answers[index].map { (mount, $0) } }
        }
    }

    private func report(
        _ mount: MountPoint, _ answer: Result<FileSystemSpace, FileError>, to collected: inout Collected
    ) {
        let key: Bytes = Array("\(mount.source)\u{0}\(mount.path)\u{0}\(mount.type)".utf8)[...]
        func add(_ name: StaticString, _ value: Double) {
            collected.add(name, key: key, value) {
                Series("\(name)", ["device": mount.source, "mountpoint": mount.path, "fstype": mount.type])
            }
        }
        switch answer {
        case .success(let space):
            // A file system without a size (a control interface, an automounter) can be neither full nor empty.
            guard space.size > 0 else { return }
            add("node_filesystem_size_bytes", space.size)
            add("node_filesystem_free_bytes", space.free)
            add("node_filesystem_avail_bytes", space.available)
            add("node_filesystem_files", space.files)
            add("node_filesystem_files_free", space.filesFree)
            add("node_filesystem_device_error", 0)
        case .failure(let error):
            collected.remarks.append(error.description)
            add("node_filesystem_device_error", 1)
        }
        add("node_filesystem_readonly", mount.isReadOnly ? 1 : 0)
    }
}
