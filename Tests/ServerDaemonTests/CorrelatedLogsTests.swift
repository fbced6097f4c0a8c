import Database
import Declarations
import Runtime
import Telemetry
import TestSupport
import Testing

@testable import ServerDaemon

@Suite struct CorrelatedLogsTests {
    private let moment: Timestamp = .now().floored(to: .seconds(1)) - .hours(1)

    private func section(
        _ lines: [(seconds: Int64, level: LogLevel, message: String)], limit: Int
    ) async throws
        -> Section
    {
        let database: TestDatabase = try await TestPostgres.database()
        defer { withExtendedLifetime(database) {} }
        let store = LogStore(pool: database.pool)
        let entries: [LogStore.Entry] = lines.map { line in
            LogStore.Entry(
                origin: LogOrigin(source: "app"),
                line: LogLine(time: moment + .seconds(line.seconds), level: line.level, message: line.message))
        }
        _ = try await store.store(LogStore.Batch(host: "web", entries: entries))
        let span = CorrelationSpan(time: moment, window: .minutes(5))
        return try await Correlator.logs(store, CorrelationQuestion(span: span, host: "web", limit: limit))
    }

    // Shows F-LG-03
    @Test func theLinesNearestToTheMomentAndEveryWarningComeFirst() async throws {
        var lines: [(seconds: Int64, level: LogLevel, message: String)] = (1...100).flatMap { second in
            [(-second, LogLevel.info, "before \(second)"), (second, .info, "after \(second)")]
        }
        lines.append((-290, .error, "far and bad"))
        let section: Section = try await section(lines, limit: 9)
        let texts: Set<String> = Set(section.items.map(\.text))
        #expect(
            texts == [
                "info app: before 1", "info app: before 2", "info app: before 3", "info app: after 1",
                "info app: after 2", "info app: after 3", "error app: far and bad",
            ])
        #expect(section.isTruncated)
        #expect(section.items.first { $0.level == "bad" }?.text == "error app: far and bad")
    }

    @Test func aLineThatIsBothNearAndBadIsToldOnceAndALongOneIsCut() async throws {
        let long = String(repeating: "x", count: 1000)
        let section: Section = try await section([(-1, .error, "bad"), (1, .info, long)], limit: 9)
        #expect(section.items.count == 2)
        #expect(!section.isTruncated)
        #expect(section.items.contains { $0.text.hasSuffix("x …") && $0.text.utf8.count < 350 })
    }
}
