import Declarations
import PlatformClient
import Runtime
import Telemetry

/// Reports of the runs that end from now on, from the file that gitops-sync writes them to.
struct ReportTail {
    private let path: String
    private var offset: Int

    init(_ platform: BenchPlatform) {
        path = platform.directory.syncState + "/reports.jsonl"
        offset = Self.bytes(of: path).count
    }

    /// The next one that is wanted; those before it are forgotten.
    mutating func next(where isWanted: (JSONValue) -> Bool) -> JSONValue? {
        let bytes: [UInt8] = Self.bytes(of: path)
        // A file that became too long makes room for a new one.
        if bytes.count < offset { offset = 0 }
        while let end = bytes[offset...].firstIndex(of: UInt8(ascii: "\n")) {
            let line: ArraySlice<UInt8> = bytes[offset..<end]
            offset = end + 1
            if let report = try? JSONValue(parsing: Array(line)), isWanted(report) { return report }
        }
        return nil
    }

    /// How many runs the reports of a platform count.
    static func looks(_ platform: BenchPlatform) -> Int {
        bytes(of: platform.directory.syncState + "/reports.jsonl").split(separator: UInt8(ascii: "\n"))
            .compactMap { try? JSONValue(parsing: Array($0)) }.reduce(0) { $0 + ($1["count"]?.integer ?? 0) }
    }

    private static func bytes(of path: String) -> [UInt8] { (try? Files.read(path, limit: 256 << 20)) ?? [] }
}

extension JSONValue {
    /// Of a report: from the run's beginning to its end.
    var seconds: Double? {
        guard let from = self["startedAt"]?.string.flatMap({ Timestamp(rfc3339: $0) }),
            let to = self["finishedAt"]?.string.flatMap({ Timestamp(rfc3339: $0) })
        else { return nil }
        return (to - from).seconds
    }
}
