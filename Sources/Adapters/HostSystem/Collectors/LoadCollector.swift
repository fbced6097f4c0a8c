import Runtime
import Telemetry

/// `/proc/loadavg`, and from `/proc/stat` the processes that run and that wait for a disk.
struct LoadCollector: HostCollector {
    let name = "loadavg"
    private static let path = "/proc/loadavg"
    private let files: any HostFiles
    private let exclusion: Exclusion

    init(files: any HostFiles, exclusion: Exclusion) {
        self.files = files
        self.exclusion = exclusion
    }

    mutating func collect() async -> Collected {
        var collected = Collected()
        addAverages(to: &collected)
        addProcesses(to: &collected)
        exclusion.apply(to: &collected)
        return collected
    }

    private func addAverages(to collected: inout Collected) {
        do throws(FileError) {
            let parts: [Bytes] = fields(Array(try files.read(Self.path))[...])
            for (index, name) in ["node_load1", "node_load5", "node_load15"].enumerated() {
                guard index < parts.count, let value = Double(text(parts[index])), value.isFinite else {
                    collected.problems.append("\(Self.path): no number for \(name)")
                    continue
                }
                collected.add(name, .none, value)
            }
        } catch {
            collected.problems.append(error.description)
        }
    }

    private func addProcesses(to collected: inout Collected) {
        do throws(FileError) {
            let stat = ProcStat(parsing: try files.read(ProcStat.path))
            if let running = stat.running { collected.add("node_procs_running", .none, running) }
            if let blocked = stat.blocked { collected.add("node_procs_blocked", .none, blocked) }
        } catch {
            collected.problems.append(error.description)
        }
    }
}
