import Declarations
import Glibc
import Reconciliation

/// A report as it stands in a daemon's log. Only one that says `inSync` is read at once: that is what has to be true.
struct SeenReport: CustomStringConvertible {
    let isInSync: Bool
    /// What the report is about; nil where it names no commit.
    let commit: String?
    /// Nothing is written: a commit is compared with, and not accepted.
    private(set) var isObserving = false
    private(set) var declaredDigest: String?
    private(set) var liveDigest: String?
    private let line: [UInt8]

    /// - Parameter line: the canonical JSON of a `RunReport`.
    init(line: [UInt8], text: String) {
        self.line = line
        isInSync = strstr(text, #""outcome":"inSync""#) != nil
        commit = Self.commit(in: text)
        guard isInSync, let json = try? JSONValue(parsing: line) else { return }
        isObserving = json["mode"]?.string == RunMode.observe.rawValue
        declaredDigest = json["declaredDigest"]?.string
        liveDigest = json["liveDigest"]?.string
    }

    /// Members stand in the order of their names.
    private static func commit(in text: String) -> String? {
        text.withCString { text in
            guard let commit = strstr(text, #""commit":{"#), let id = strstr(commit, #""id":""#) else { return nil }
            return String(decoding: UnsafeRawBufferPointer(start: id + 6, count: strnlen(id + 6, 40)), as: UTF8.self)
        }
    }

    var description: String {
        guard let report = try? RunReport(parsing: line) else {
            return "not a report: \(String(decoding: line, as: UTF8.self))"
        }
        let reasons: [String] =
            report.errors + report.refusals.map(\.message) + report.problems.map(\.description) + report.notices
        return "\(report.outcome.rawValue) with \(report.commit?.id.prefix(8) ?? "no commit") \(reasons)"
    }
}
