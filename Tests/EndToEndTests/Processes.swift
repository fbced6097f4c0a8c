import Declarations
import Foundation

/// A process, told from a later one with the same number by the time of its start.
struct ProcessIdentity: Hashable, Sendable {
    var number: Int32
    var startTicks: String

    /// Nil where no such process is there. A zombie has ended.
    init?(_ number: Int32) {
        guard let fields = Self.fields(of: number), fields[0] != "Z", fields.count > 19 else { return nil }
        self.number = number
        startTicks = fields[19]
    }

    var isAlive: Bool { ProcessIdentity(number) == self }

    /// All processes that this one started, and those that they started.
    var descendants: Set<ProcessIdentity> {
        var parents: [Int32: Int32] = [:]
        for number in Self.allNumbers {
            parents[number] = Self.fields(of: number).flatMap { Int32($0[1]) }
        }
        var found: Set<Int32> = [number]
        var size = 0
        while size != found.count {
            size = found.count
            for (child, parent) in parents where found.contains(parent) { found.insert(child) }
        }
        return Set(found.subtracting([number]).compactMap { ProcessIdentity($0) })
    }

    /// The command lines of all processes that were started with `folder` in an argument, or work in it.
    static func commands(in folder: URL) -> [String] {
        allNumbers.compactMap { number in
            guard ProcessIdentity(number) != nil else { return nil }
            let words: Data = FileManager.default.contents(atPath: "/proc/\(number)/cmdline") ?? Data()
            let command: String = String(decoding: words, as: UTF8.self).replacingOccurrences(of: "\0", with: " ")
            let place: String =
                (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(number)/cwd")) ?? ""
            guard command.contains(folder.path) || place.hasPrefix(folder.path) else { return nil }
            return "\(number): \(command) (in \(place))"
        }
    }

    private static var allNumbers: [Int32] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { Int32($0) }
    }

    /// What follows the name in `/proc/PID/stat`: state, parent, …
    private static func fields(of number: Int32) -> [String]? {
        guard let stat = FileManager.default.contents(atPath: "/proc/\(number)/stat") else { return nil }
        let text = String(decoding: stat, as: UTF8.self)
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields: [String] = text[text.index(after: end)...].split(separator: " ").map(String.init)
        return fields.count > 1 ? fields : nil
    }
}

extension Platform {
    /// What `plumb up` says of its children in `run.json`.
    func child(_ name: String) throws -> (process: ProcessIdentity?, restarts: Int) {
        let file: URL = dataDirectory.appendingPathComponent("run.json")
        let record = try JSONValue(parsing: try String(contentsOf: file, encoding: .utf8))
        guard let child = record["children"]?.array?.first(where: { $0["name"]?.string == name }) else {
            throw ShellError(description: "run.json knows no \(name)")
        }
        let number: Int32? = child["pid"]?.integer.flatMap { Int32(exactly: $0) }
        return (number.flatMap { ProcessIdentity($0) }, child["restarts"]?.integer.map { Int($0) } ?? 0)
    }

    /// PostgreSQL itself; the child of that name is what holds its lifeline.
    func postmaster() throws -> ProcessIdentity {
        let file: URL = dataDirectory.appendingPathComponent("postgres/postmaster.pid")
        let line: Substring? = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").first
        guard let process = line.flatMap({ Int32($0) }).flatMap({ ProcessIdentity($0) }) else {
            throw ShellError(description: "no postmaster runs")
        }
        return process
    }

    /// Kills a child with no chance to say a word, and waits until another one runs in its place.
    func killChild(_ name: String, process: ProcessIdentity? = nil) async throws {
        let before = try child(name)
        guard let victim = process ?? before.process else { throw ShellError(description: "\(name) does not run") }
        kill(victim.number, SIGKILL)
        _ = try await eventually("\(name) runs again", within: 60) {
            let now = try child(name)
            return now.restarts > before.restarts && now.process != nil && now.process != before.process ? true : nil
        }
    }

    /// A log of one of the programs.
    func programLog(_ name: String) throws -> String {
        try String(contentsOf: dataDirectory.appendingPathComponent("logs/\(name).log"), encoding: .utf8)
    }

    /// The numbers of the processes that this one started are asked while it still runs.
    var descendants: Set<ProcessIdentity> { ProcessIdentity(processIdentifier)?.descendants ?? [] }
}

extension Set<ProcessIdentity> {
    /// Waits until none of them is there any more.
    func waitForEnd(within seconds: Double) async throws {
        _ = try await eventually("these end: \(map(\.number).sorted())", within: seconds) {
            contains { $0.isAlive } ? nil : true
        }
    }
}
