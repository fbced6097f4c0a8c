import Glibc
import Runtime

/// What a process costs its host: memory at several moments, and processor time between the first and the last of them.
struct ProcessWeight: Sendable {
    /// In KiB: everything that is mapped and there, and the part of it that no file backs.
    struct Memory: Hashable, Sendable {
        var resident: Int
        var anonymous: Int
        var fileBacked: Int { resident - anonymous }
    }

    let process: Int32
    private let processorAtStart: Double
    private let start: ContinuousClock.Instant
    private(set) var looks: [Memory] = []

    init(of process: Int32) throws {
        self.process = process
        processorAtStart = ProcessorTime.seconds(ofTree: process)
        start = .now
        try look()
    }

    mutating func look() throws { looks.append(try Self.memory(of: process)) }

    /// The median of each, over all looks.
    var memory: Memory {
        func middle(_ value: (Memory) -> Int) -> Int { looks.map(value).sorted()[looks.count / 2] }
        return Memory(resident: middle(\.resident), anonymous: middle(\.anonymous))
    }

    /// Processor seconds since the first look.
    func processorSeconds() -> Double { ProcessorTime.seconds(ofTree: process) - processorAtStart }

    private static func memory(of process: Int32) throws -> Memory {
        let text: String = try Files.text("/proc/\(process)/smaps_rollup")
        var sizes: [Substring: Int] = [:]
        for line in text.split(separator: "\n") {
            let words: [Substring] = line.split(separator: " ")
            if words.count == 3, words[2] == "kB" { sizes[words[0]] = Int(words[1]) }
        }
        guard let resident = sizes["Rss:"], let anonymous = sizes["Anonymous:"] else {
            throw BenchError("/proc/\(process)/smaps_rollup says nothing of its size")
        }
        return Memory(resident: resident, anonymous: anonymous)
    }
}
