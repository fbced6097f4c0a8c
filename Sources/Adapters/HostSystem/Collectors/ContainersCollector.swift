package import Runtime
import Telemetry

/// What containers use, from their control groups (version 2): processor, memory and disks by the container's name. The
/// name is asked of Docker or Podman, where this user may; else it is the beginning of the container's number. A host
/// without containers has nothing to tell.
struct ContainersCollector: HostCollector {
    let name = "containers"
    let exclusion: Exclusion
    private let files: any HostFiles
    private let engines: [any ContainerEngine]
    private var known: [String: ContainerDescription] = [:]
    /// Containers that none of the engines knows, so that they are not asked for them each time.
    private var unknown: Set<String> = []

    init(files: any HostFiles, exclusion: Exclusion, engines: [any ContainerEngine]) {
        self.files = files
        self.exclusion = exclusion
        self.engines = engines
    }

    mutating func collect(into collected: inout Collected) async {
        guard let controllers = contentIfPresent("\(ContainerGroup.root)/cgroup.controllers", files, &collected) else {
            return
        }
        _ = controllers
        let groups: [ContainerGroup] = ContainerGroup.all(files)
        learn(groups, &collected)
        var taken: Set<String> = []
        for group in groups.sorted(by: { $0.path < $1.path }) {
            var name: String = known[group.id]?.name ?? group.id
            // Two engines may have one name; the second has its number behind it.
            if !taken.insert(name).inserted {
                name += "-\(group.id)"
                taken.insert(name)
            }
            guard !exclusion.covers(name), !exclusion.covers(known[group.id]?.image ?? "") else { continue }
            collected.add(
                Series(
                    "container_info",
                    ["name": name, "id": group.fullID, "image": known[group.id]?.image ?? ""]), 1)
            ContainerUse(path: group.path, name: name).collect(files, into: &collected)
        }
        collected.add("plumb_containers", Double(groups.count))
    }

    /// Asks for the names of containers that are new.
    private mutating func learn(_ groups: [ContainerGroup], _ collected: inout Collected) {
        let present = Set(groups.map(\.id))
        known = known.filter { present.contains($0.key) }
        unknown.formIntersection(present)
        let fresh: [ContainerGroup] = groups.filter {
            $0.needsName && known[$0.id] == nil && !unknown.contains($0.id)
        }
        guard !fresh.isEmpty else { return }
        var isAnswered = true
        for engine in engines {
            do throws(FileError) {
                for container in try engine.containers() {
                    known[String(container.id.prefix(ContainerGroup.shortLength))] = container
                }
            } catch {
                // Not there, or not for this user: the numbers must do.
                guard !error.isAbsent, !error.isForbidden else { continue }
                collected.remarks.append(error.description)
                isAnswered = false
            }
        }
        // An engine that is being started anew, or is busy, is asked again.
        if isAnswered { unknown.formUnion(fresh.map(\.id).filter { known[$0] == nil }) }
    }
}

/// A container as its engine describes it.
package struct ContainerDescription: Hashable, Sendable {
    package var id: String
    package var name: String
    package var image: String

    package init(id: String, name: String, image: String) {
        self.id = id
        self.name = name
        self.image = image
    }
}

/// What knows containers by name: Docker, Podman, or a test.
package protocol ContainerEngine: Sendable {
    func containers() throws(FileError) -> [ContainerDescription]
}
