import AsyncHTTPClient
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

        /// Of ``HeldConfig``: the file that says what else is to be looked at.
        package static let config = "config"

        /// `config`, `collector`, `log source`, `scrape target` or `socket`.
        package var kind: String
        package var name: String
        package var state: State
        /// Series that one look gave; files of a log source; containers that a socket's engine told of; resources of a
        /// config.
        package var count: Int
        /// What is wrong, and what helps.
        package var details: [String] = []
    }

    package private(set) var findings: [Finding] = []

    /// Whether everything that is there can be read. Without a config nobody knows what should be.
    package var isGood: Bool {
        findings.allSatisfy { $0.state == .readable || ($0.state == .missing && $0.kind != Finding.config) }
    }

    /// Looks at what an agent holds, and with it at everything else.
    package init(
        _ held: HeldConfig, files: any HostFiles, sockets: [String] = EngineSocket.usualPaths,
        clock: any Clock<Duration>
    ) async {
        await self.init(held.resources, files: files, sockets: sockets, clock: clock)
        findings.insert(held.finding, at: 0)
    }

    /// Looks with every collector, as `resources` say where they say something of it, at the files of every log source
    /// and the page of every scrape target among them, and at the sockets of container engines.
    package init(
        _ resources: [AgentConfig.Item], files: any HostFiles, sockets: [String] = EngineSocket.usualPaths,
        clock: any Clock<Duration>
    ) async {
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
        for (name, target) in running.scrapeTargets.sorted(by: { $0.key < $1.key }) {
            findings.append(await Self.look(name, target, clock))
        }
        for path in sockets { findings.append(Self.look(socket: path)) }
    }

    private static func look(_ name: String, _ target: ScrapeTargetSpec, _ clock: any Clock<Duration>) async -> Finding
    {
        let http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: ScrapeClient.configuration)
        let answer: Result<ScrapeClient.Answer, ScrapeClient.Failure> = await ScrapeClient(http: http, clock: clock)
            .get(target)
        try? await http.shutdown()
        var page = ScrapedPage(name: name, target)
        page.take(answer, seconds: 0)
        var finding = Finding(
            kind: "scrape target", name: name, state: page.collected.problems.isEmpty ? .readable : .failing,
            count: page.collected.presentCount)
        finding.details = page.collected.problems.prefix(5).map {
            "\($0); \(target.url) has to answer on this host, as curl would ask"
        }
        return finding
    }

    private static func look(socket path: String) -> Finding {
        var finding = Finding(kind: "socket", name: path, state: .readable, count: 0)
        do throws(FileError) { finding.count = try EngineSocket(path: path).containers().count } catch {
            finding.state = error.isMissing ? .missing : error.isForbidden ? .forbidden : .failing
            if error.isForbidden { finding.details = ["\(error.description); \(Remedy.text(for: path))"] }
            if finding.state == .failing { finding.details = ["\(error.description); is the engine running?"] }
        }
        return finding
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
