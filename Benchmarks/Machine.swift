import Glibc
import Runtime

/// What a figure cannot be read without.
enum Machine {
    static var description: [String] {
        [
            "Processors: \(sysconf(Int32(_SC_NPROCESSORS_ONLN))) × \(processor)",
            "Memory: \((sysconf(Int32(_SC_PHYS_PAGES)) * Int(getpagesize())) >> 20) MiB; kernel \(kernel)",
            "Build: \(build)",
            "Load of this machine before the start: \(load)",
        ]
    }

    /// The three averages of the kernel: anything else that ran shows here.
    static var load: String {
        let text: String = (try? Files.text("/proc/loadavg")) ?? ""
        return text.split(separator: " ").prefix(3).joined(separator: " ")
    }

    private static var processor: String {
        let text: String = (try? Files.text("/proc/cpuinfo")) ?? ""
        let line: Substring? = text.split(separator: "\n").first { $0.hasPrefix("model name") }
        return line?.split(separator: ":", maxSplits: 1).last.map { String($0.drop { $0 == " " }) } ?? "unknown"
    }

    private static var kernel: String {
        let text: String = (try? Files.text("/proc/sys/kernel/osrelease")) ?? "unknown"
        return String(text.prefix { !$0.isNewline })
    }

    private static var build: String {
        #if DEBUG
            "debug: these figures say nothing about an installed Plumbline"
        #else
            "release"
        #endif
    }
}
