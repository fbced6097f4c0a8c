import Telemetry

/// `/proc/schedstat`: how long tasks ran on each processor, and how long they waited for it.
struct SchedulerCollector: HostCollector {
    let name = "schedstat"
    let exclusion: Exclusion
    private static let path = "/proc/schedstat"
    private let files: any HostFiles

    init(files: any HostFiles, exclusion: Exclusion) {
        self.files = files
        self.exclusion = exclusion
    }

    mutating func collect(into collected: inout Collected) async {
        guard let content = contentIfPresent(Self.path, files, &collected) else { return }
        for line in lines(content) where line.begins(with: "cpu") {
            var parts = Fields(line)
            guard let key = parts.next() else { continue }
            // Six counters of the scheduler's own come first.
            for _ in 0..<6 { _ = parts.next() }
            guard let running = parts.nextCounter(), let waiting = parts.nextCounter(),
                let slices = parts.nextCounter()
            else {
                collected.problems.append("\(Self.path): expected nine numbers, got \(quoted(line))")
                continue
            }
            let cpu: Bytes = key.dropFirst(3)
            collected.add("node_schedstat_running_seconds_total", "cpu", cpu, Double(running) / 1e9)
            collected.add("node_schedstat_waiting_seconds_total", "cpu", cpu, Double(waiting) / 1e9)
            collected.add("node_schedstat_timeslices_total", "cpu", cpu, Double(slices))
        }
    }
}
