package import ConfigAPI
import Declarations
package import HostSystem
import Runtime
import Telemetry

/// What an agent can and cannot read on this host.
package struct HostCheck: Sendable {
    package struct Finding: Hashable, Sendable {
        package enum State: String, Hashable, Sendable {
            /// It gives what it should.
            case readable
            /// The host does not have it.
            case missing
            /// This user may not, at least in part.
            case forbidden
            case failing
        }

        /// `collector` or `log source`.
        package var kind: String
        package var name: String
        package var state: State
        /// Series that one look gave; files of a log source.
        package var count: Int
        /// What is wrong, and what helps.
        package var details: [String] = []
    }

    package private(set) var findings: [Finding] = []

    /// Whether everything that is there can be read.
    package var isGood: Bool { findings.allSatisfy { $0.state == .readable || $0.state == .missing } }

    /// Looks with every collector, as `resources` say where they say something of it, and at the files of every log
    /// source among them.
    package init(_ resources: [AgentConfig.Item], files: any HostFiles, clock: any Clock<Duration>) async {
        let running = RunningSet(
            resources, decoder: ResourceDecoder(sha256: Digests.sha256), sha256: Digests.sha256)
        for source in CollectorSpec.Source.allCases {
            let declared: CollectorSpec? = running.collectors.values.first { $0.source == source }
            findings.append(
                await Self.look(
                    declared ?? CollectorSpec(source: source, interval: .seconds(10), hosts: .all), files, clock))
        }
        for (name, source) in running.logSources.sorted(by: { $0.key < $1.key }) {
            findings.append(Self.look(name, source))
        }
    }

    private static func look(
        _ spec: CollectorSpec, _ files: any HostFiles, _ clock: any Clock<Duration>
    ) async -> Finding {
        let watched = WatchedHostFiles(files)
        var collector = makeCollector(spec, CollectorDependencies(files: watched, clock: clock))
        let collected: Collected = await collector.collect()
        var finding = Finding(
            kind: "collector", name: spec.source.rawValue, state: .readable, count: collected.presentCount)
        if !watched.forbidden.isEmpty {
            finding.state = .forbidden
        } else if !collected.problems.isEmpty {
            finding.state = .failing
        } else if collected.presentCount == 0 {
            finding.state = .missing
        }
        finding.details = watched.forbidden.prefix(5).map { "\($0.description); \(Remedy.text(for: $0.path))" }
        if finding.state == .failing { finding.details += collected.problems.prefix(5) }
        finding.details += collected.remarks.prefix(5)
        return finding
    }

    private static func look(_ name: String, _ source: LogSourceSpec) -> Finding {
        var finding = Finding(kind: "log source", name: name, state: .missing, count: 0)
        let globs: [PathGlob] =
            if !source.journal.isEmpty {
                // What journalctl reads; it is readable or not as these are.
                ["/var/log/journal/*/system.journal", "/run/log/journal/*/system.journal"].map(PathGlob.init)
            } else if !source.containers.isEmpty {
                ContainerFolders().globs
            } else {
                source.files.map(PathGlob.init)
            }
        for glob in globs {
            let expansion = PathExpansion(glob)
            for path in expansion.paths {
                do throws(FileError) {
                    _ = try LogFile(path)
                    finding.count += 1
                } catch {
                    if error.isForbidden { finding.state = .forbidden }
                    if finding.details.count < 5, !error.isMissing {
                        finding.details.append("\(error.description); \(Remedy.text(for: path))")
                    }
                }
            }
            for problem in expansion.problems where finding.details.count < 5 {
                finding.state = .forbidden
                finding.details.append(problem)
            }
        }
        if finding.state == .missing, finding.count > 0 { finding.state = .readable }
        return finding
    }
}

/// What would let the agent read a file.
enum Remedy {
    static func text(for path: String) -> String {
        guard let access = try? FileAccess(of: path) else {
            return "look at the rights of the folders above it"
        }
        let owner = "it is \(access.ownerName)'s, group \(access.groupName), mode \(access.modeText)"
        guard access.isGroupReadable, access.group != 0 else {
            return "\(owner): only its owner may, or a process with CAP_DAC_READ_SEARCH"
        }
        return "\(owner): SupplementaryGroups=\(access.groupName) in plumb-agent.service lets the agent"
    }
}
