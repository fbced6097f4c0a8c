import Glibc
import Runtime

/// What a process holds in memory, in bytes.
struct Memory: Sendable {
    var resident = 0
    /// Not backed by a file: what a host cannot take back.
    var anonymous = 0
    /// The most that was ever resident.
    var peak = 0

    init(of process: Int32) {
        let text: String = (try? Files.text("/proc/\(process)/status")) ?? ""
        for line in text.split(separator: "\n") {
            let words: [Substring] = line.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == ":" })
            guard words.count > 1, let kibibytes = Int(words[1]) else { continue }
            if words[0] == "VmRSS" { resident = kibibytes << 10 }
            if words[0] == "VmHWM" { peak = kibibytes << 10 }
            if words[0] == "RssAnon" { anonymous = kibibytes << 10 }
        }
    }

    /// Begins the peak of a process anew (man 5 proc, clear_refs).
    static func forgetPeak(of process: Int32) {
        guard let file = fopen("/proc/\(process)/clear_refs", "w") else { return }
        fputs("5", file)
        fclose(file)
    }
}
