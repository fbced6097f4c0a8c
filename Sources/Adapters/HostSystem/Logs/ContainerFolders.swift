package import Declarations
import Runtime

/// Where the runtimes of containers keep what the containers write.
package struct ContainerFolders: Hashable, Sendable {
    /// Of Docker: a folder per container, with `ID-json.log` and `config.v2.json`.
    package var docker: String
    /// Of CRI runtimes: `NAMESPACE_POD_UID/CONTAINER/0.log`.
    package var pods: String
    /// The ids of the container and the pod that this process runs in, if it runs in one.
    package var own: Set<String>

    package init(
        docker: String = "/var/lib/docker/containers", pods: String = "/var/log/pods", own: Set<String> = []
    ) {
        self.docker = docker
        self.pods = pods
        self.own = own
    }

    /// Of this host, as this process sees it.
    package static func ofThisHost(_ files: any HostFiles) -> ContainerFolders {
        let mounts: [UInt8] = (try? files.read("/proc/self/mountinfo")) ?? []
        return ContainerFolders(own: ownIdentifiers(mounts: String(decoding: mounts, as: UTF8.self)))
    }

    /// Runtimes mount files of the container's own folder into it, which gives its id away: `/containers/ID/hostname`,
    /// `/pods/UID/etc-hosts`.
    package static func ownIdentifiers(mounts: String) -> Set<String> {
        var found: Set<String> = []
        for line in mounts.split(separator: "\n") {
            let fields: [Substring] = line.split(separator: " ")
            guard fields.count > 4, ["/etc/hostname", "/etc/hosts", "/etc/resolv.conf"].contains(fields[4]) else {
                continue
            }
            let parts: [Substring] = fields[3].split(separator: "/")
            for (folder, name) in zip(parts, parts.dropFirst()) where folder == "containers" || folder == "pods" {
                found.insert(String(name))
            }
        }
        return found
    }

    /// The files that containers write now.
    package var globs: [PathGlob] { [PathGlob("\(docker)/*/*-json.log"), PathGlob("\(pods)/*/*/*.log")] }

    package func isOwn(_ log: ContainerLog) -> Bool { own.contains(log.id) }

    /// What is known of the container that a file is of, from its path and what lies beside it; nil for other files.
    package func log(_ path: String) -> ContainerLog? {
        if let names = names(of: path, below: docker), names.count == 2 { return dockerLog(id: String(names[0])) }
        guard let names = names(of: path, below: pods), names.count == 3 else { return nil }
        let pod: [Substring] = names[0].split(separator: "_", maxSplits: 2)
        guard pod.count == 3 else { return nil }
        let name = String(names[1])
        return ContainerLog(
            id: String(pod[2]), name: name, hasName: true,
            labels: ["container": name, "pod": String(pod[1]), "namespace": String(pod[0])])
    }

    private func names(of path: String, below folder: String) -> [Substring]? {
        guard path.hasPrefix("\(folder)/") else { return nil }
        return path.dropFirst(folder.count + 1).split(separator: "/")
    }

    private func dockerLog(id: String) -> ContainerLog {
        let config: [UInt8] = (try? Files.read("\(docker)/\(id)/config.v2.json", limit: 4 << 20)) ?? []
        let name: String? = (try? JSONValue(parsing: config))?["Name"]?.string.map {
            $0.hasPrefix("/") ? String($0.dropFirst()) : $0
        }
        // As `docker ps` shows ids.
        let shown: String = name.flatMap { $0.isEmpty ? nil : $0 } ?? String(id.prefix(12))
        return ContainerLog(id: id, name: shown, hasName: name != nil, labels: ["container": shown])
    }
}

/// The container that a file is of.
package struct ContainerLog: Hashable, Sendable {
    /// Of the container, or of its pod.
    package var id: String
    package var name: String
    /// Whether the name is the container's own, and not made of its id.
    package var hasName: Bool
    package var labels: [String: String]
}
