import Runtime
import Telemetry

/// The table of tracked connections: how full it is, and what its processors counted. A host without connection
/// tracking has nothing to tell.
struct ConntrackCollector: HostCollector {
    let name = "conntrack"
    let exclusion: Exclusion
    private static let statistics = "/proc/net/stat/nf_conntrack"
    private let files: any HostFiles

    /// The names of columns that are told, as the first line has them.
    private static let columns: [(column: StaticString, metric: StaticString)] = [
        ("found", "node_nf_conntrack_stat_found"), ("invalid", "node_nf_conntrack_stat_invalid"),
        ("ignore", "node_nf_conntrack_stat_ignore"), ("insert", "node_nf_conntrack_stat_insert"),
        ("insert_failed", "node_nf_conntrack_stat_insert_failed"), ("drop", "node_nf_conntrack_stat_drop"),
        ("early_drop", "node_nf_conntrack_stat_early_drop"),
        ("search_restart", "node_nf_conntrack_stat_search_restart"),
    ]

    init(files: any HostFiles, exclusion: Exclusion) {
        self.files = files
        self.exclusion = exclusion
    }

    mutating func collect(into collected: inout Collected) async {
        addNumber("/proc/sys/net/netfilter/nf_conntrack_count", "node_nf_conntrack_entries", &collected)
        addNumber("/proc/sys/net/netfilter/nf_conntrack_max", "node_nf_conntrack_entries_limit", &collected)
        addStatistics(&collected)
    }

    private func addNumber(_ path: String, _ name: StaticString, _ collected: inout Collected) {
        guard let content = contentIfPresent(path, files, &collected) else { return }
        if let number = counter(content[...].trimmed) {
            collected.add(name, Double(number))
        } else {
            collected.problems.append("\(path): expected a number, got \(quoted(content[...].trimmed))")
        }
    }

    /// A line of headings, then one of hexadecimal numbers for each processor; told is their sum.
    private func addStatistics(_ collected: inout Collected) {
        guard let content = contentIfPresent(Self.statistics, files, &collected) else { return }
        var iterator: Lines = lines(content)
        guard let headings = iterator.next().map(fields) else { return }
        var sums = [Double](repeating: 0, count: headings.count)
        while let line = iterator.next() {
            for (place, part) in Fields(line).enumerated() where place < sums.count {
                if let value = hexadecimalCounter(part) { sums[place] += Double(value) }
            }
        }
        for (column, metric) in Self.columns {
            guard let place = headings.firstIndex(where: { $0.equals(column) }) else { continue }
            collected.add(metric, sums[place])
        }
    }
}
