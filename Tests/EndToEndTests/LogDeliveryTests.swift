import Declarations
import Foundation
import Synchronization
import Testing

/// Writes numbered lines as fast as it may, with a lock that the rotation takes too: between `cp` and truncation of a
/// copy-truncate nothing is written, so that the file system itself loses nothing.
private final class NumberedWriter: Sendable {
    let path: String
    private let next = Mutex(0)

    init(_ path: String) { self.path = path }

    var written: Int { next.withLock { $0 } }

    func write(_ count: Int) throws {
        try next.withLock { next in
            let text: String = (next..<(next + count)).map { "line \(String(format: "%07d", $0)) \(Self.padding)\n" }
                .joined()
            let descriptor: Int32 = open(path, O_WRONLY | O_APPEND | O_CREAT, 0o644)
            guard descriptor >= 0 else { throw ShellError(description: "cannot write \(path)") }
            defer { close(descriptor) }
            let bytes: [UInt8] = Array(text.utf8)
            guard Foundation.write(descriptor, bytes, bytes.count) == bytes.count else {
                throw ShellError(description: "cannot write \(path)")
            }
            next += count
        }
    }

    private static let padding = String(repeating: "x", count: 60)

    func rotateByRename(_ number: Int) {
        next.withLock { _ in _ = rename(path, "\(path).\(number)") }
    }

    func rotateByCopy(_ number: Int) throws {
        try next.withLock { _ in
            try FileManager.default.copyItem(atPath: path, toPath: "\(path).\(number)")
            guard truncate(path, 0) == 0 else { throw ShellError(description: "cannot truncate \(path)") }
        }
    }
}

@Suite(.serialized) struct LogDeliveryTests {
    private static let host = "logs-1"
    private static let rounds = 20
    private static let linesPerRound = 2000

    /// A platform whose agent reads `app.log` of a folder, and a writer to it.
    private func withLogs(
        _ body: (Platform, NumberedWriter, LoneAgent, Gate) async throws -> Void
    ) async throws {
        let platform = try await Platform.start()
        let folder: URL = platform.folder.appendingPathComponent("logs")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let source = """
            apiVersion: plumbline/v1
            kind: LogSource
            metadata:
              name: app
            spec:
              files: ["\(folder.path)/app.log"]
              hosts: {names: [\(Self.host)]}
            """
        try await platform.commit(
            ["log-sources/app.yaml": source, "log-sources/system.yaml": nil], message: "Read the log of the app")
        let pushed: Finished = try await platform.push()
        try #require(pushed.status == 0, "\(pushed.all)")
        let writer = NumberedWriter(folder.appendingPathComponent("app.log").path)
        try writer.write(1)
        let gate = try await Gate(to: platform.port)
        let agent = try await LoneAgent(platform, host: Self.host, server: gate.url)
        try agent.start()
        defer { agent.kill() }
        _ = try await eventually("the first line", within: 30) { try await counts(platform).lines == 1 ? true : nil }
        do { try await body(platform, writer, agent, gate) } catch {
            try? await platform.dispose()
            throw error
        }
        try await gate.shut()
        try await platform.dispose()
    }

    /// What PostgreSQL holds of the app: rows, and different messages among them.
    private func counts(_ platform: Platform) async throws -> (lines: Int, different: Int) {
        let answer: String = try await platform.operatorSQL(
            "SELECT count(*), count(DISTINCT message) FROM plumbline.logs WHERE source = 'app'")
        let numbers: [Int] = answer.trimmingCharacters(in: .whitespacesAndNewlines).split(separator: "|").compactMap {
            Int($0)
        }
        return (numbers.first ?? -1, numbers.last ?? -1)
    }

    private func expectEachOnce(_ platform: Platform, _ writer: NumberedWriter) async throws {
        let expected: Int = writer.written
        _ = try? await eventually("\(expected) lines", within: 60) {
            try await counts(platform).lines >= expected ? true : nil
        }
        // A second copy would come behind the first.
        try await Task.sleep(for: .seconds(1))
        let found = try await counts(platform)
        #expect(found.lines == expected)
        #expect(found.different == expected)
    }

    // Shows F-AG-16, F-AG-18, W-A-04, W-A-05
    @Test func `no line is lost or stored twice over rename rotations and kills of the agent`() async throws {
        try await withLogs { platform, writer, agent, _ in
            for round in 0..<Self.rounds {
                try writer.write(Self.linesPerRound / 2)
                writer.rotateByRename(round)
                try writer.write(Self.linesPerRound / 2)
                // Somewhere between reading, sending, acknowledging and writing down.
                try await Task.sleep(for: .milliseconds(Int.random(in: 50...900)))
                agent.kill()
                try agent.start()
            }
            try await expectEachOnce(platform, writer)
        }
    }

    // Shows F-AG-16, F-AG-18
    @Test func `no line is lost or stored twice over copy-truncate rotations while the server comes and goes`()
        async throws
    {
        try await withLogs { platform, writer, _, _ in
            for round in 0..<Self.rounds {
                try writer.write(Self.linesPerRound / 2)
                if round % 4 == 1 { try await platform.killChild("server") }
                try writer.rotateByCopy(round)
                try writer.write(Self.linesPerRound / 2)
            }
            try await expectEachOnce(platform, writer)
        }
    }

    // Shows F-AG-16, F-AG-18
    @Test func `no line is lost or stored twice while the server is away again and again`() async throws {
        try await withLogs { platform, writer, _, gate in
            for round in 0..<Self.rounds {
                try writer.write(Self.linesPerRound / 2)
                // Somewhere between request and answer.
                try await Task.sleep(for: .milliseconds(Int.random(in: 10...400)))
                try await gate.shut()
                try writer.write(Self.linesPerRound / 2)
                if round % 2 == 0 { writer.rotateByRename(round) } else { try writer.rotateByCopy(round) }
                try await Task.sleep(for: .milliseconds(Int.random(in: 10...400)))
                try await gate.open()
            }
            try await expectEachOnce(platform, writer)
        }
    }

    // Shows F-AG-19, W-B-18
    @Test func `the platform's own logs do not breed`() async throws {
        let platform = try await Platform.start()
        let source = """
            apiVersion: plumbline/v1
            kind: LogSource
            metadata:
              name: platform
            spec:
              files: ["\(platform.dataDirectory.path)/logs/*.log"]
            """
        try await platform.commit(
            ["log-sources/platform.yaml": source, "log-sources/system.yaml": nil], message: "Read our own logs")
        let pushed: Finished = try await platform.push()
        try #require(pushed.status == 0, "\(pushed.all)")
        func stored() async throws -> Int {
            let answer: String = try await platform.operatorSQL(
                "SELECT count(*) FROM plumbline.logs WHERE source = 'platform'")
            return Int(answer.trimmingCharacters(in: .whitespacesAndNewlines)) ?? -1
        }
        _ = try await eventually("our own lines", within: 30) { try await stored() > 3 ? true : nil }
        try await Task.sleep(for: .seconds(5))
        let before: Int = try await stored()
        try await Task.sleep(for: .seconds(10))
        let after: Int = try await stored()
        // Drift is looked for ten times meanwhile; shipping a line must not make the next one.
        #expect(after - before <= 30, "\(after - before) lines in ten seconds of rest")
        let forms: String = try await platform.operatorSQL(
            "SELECT DISTINCT fields ->> 'service' FROM plumbline.logs WHERE source = 'platform' ORDER BY 1")
        #expect(forms.contains("plumb-server"))
        #expect(forms.contains("plumb-agent"))
        try await platform.dispose()
    }
}
