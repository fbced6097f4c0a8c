import Runtime
import Telemetry

/// `/proc/loadavg`, and from `/proc/stat` the processes that run and that wait for a disk.
struct LoadCollector: HostCollector {
    let name = "loadavg"
    let exclusion: Exclusion
    private static let path = "/proc/loadavg"
    private static let names: [StaticString] = ["node_load1", "node_load5", "node_load15"]
    private let files: any HostFiles

    init(files: any HostFiles, exclusion: Exclusion) {
        self.files = files
        self.exclusion = exclusion
    }

    mutating func collect(into collected: inout Collected) async {
        if let content = content(Self.path, files, &collected) {
            var parts = Fields(content[...].trimmed)
            for name in Self.names {
                if let value = parts.next().flatMap(decimal) {
                    collected.add(name, value)
                } else {
                    collected.problems.append("\(Self.path): no number for \(name)")
                }
            }
        }
        guard let content = content(ProcStat.path, files, &collected) else { return }
        for line in lines(content) where line.begins(with: "procs_") {
            var parts = Fields(line)
            let key: Bytes? = parts.next()
            guard let value = parts.nextCounter() else { continue }
            if key?.equals("procs_running") == true { collected.add("node_procs_running", Double(value)) }
            if key?.equals("procs_blocked") == true { collected.add("node_procs_blocked", Double(value)) }
        }
    }
}
