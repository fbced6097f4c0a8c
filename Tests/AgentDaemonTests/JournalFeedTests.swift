@testable import AgentDaemon
import HostSystem
import Telemetry
import Testing

@Suite struct JournalFeedTests {
    private func entry(_ number: Int, unit: String = "a.service") throws -> JournalEntry {
        let hexadecimal = String(number, radix: 16)
        let line =
            #"{"__CURSOR":"s=j;i=\#(hexadecimal)","__REALTIME_TIMESTAMP":"7","_SYSTEMD_UNIT":"\#(unit)","MESSAGE":"m"}"#
        return try #require(JournalEntry(Array(line.utf8)))
    }

    private func add(_ number: Int, unit: String = "a.service", to feed: JournalFeed) async throws {
        let line = LogLine(time: Timestamp(microseconds: 7), level: .info, message: "\(number)")
        await feed.add(.init(place: number, line: line), of: try entry(number, unit: unit))
    }

    private func places(_ batches: [LogStreamBatch]) -> [[Int]] { batches.map { $0.lines.map(\.place) } }

    @Test func aCursorStandsBehindWhatIsStoredAndNoFurther() async throws {
        let feed = JournalFeed(source: "s", labels: [:], from: nil) {}
        feed.skip(try entry(1))
        #expect(feed.doneTo == "s=j;i=1")
        for number in 2...5 { try await add(number, to: feed) }
        feed.skip(try entry(6))
        #expect(feed.doneTo == "s=j;i=1")
        #expect(feed.readTo == "s=j;i=6")
        #expect(places(feed.next(mostLines: 2, mostBytes: .max)) == [[2, 3]])
        feed.takeBack()
        #expect(places(feed.next(mostLines: 3, mostBytes: .max)) == [[2, 3, 4]])
        feed.settle { _ in nil }
        #expect(feed.doneTo == "s=j;i=4")
        #expect(places(feed.next(mostLines: 9, mostBytes: .max)) == [[5]])
        feed.settle { _ in nil }
        // What was left out behind it is done with too.
        #expect(feed.doneTo == "s=j;i=6")
        #expect(!feed.isNew(try entry(6)))
        #expect(feed.isNew(try entry(7)))
    }

    /// A server that has the first part of a run takes nothing of the run, and says where it stands.
    @Test func whatLiesBehindTheServersPositionIsSentAgain() async throws {
        let feed = JournalFeed(source: "s", labels: [:], from: nil) {}
        for number in [2, 5, 9] { try await add(number, to: feed) }
        try await add(10, unit: "b.service", to: feed)
        let batches: [LogStreamBatch] = feed.next(mostLines: 9, mostBytes: .max)
        #expect(places(batches) == [[2, 5, 9], [10]])
        let news = batches[0].news(after: 6)
        #expect(news.lines.isEmpty)
        #expect(news.position == 6)
        feed.settle { $0 == batches[0].stream ? news.position : nil }
        #expect(feed.doneTo == "s=j;i=5")
        let rest: [LogStreamBatch] = feed.next(mostLines: 9, mostBytes: .max)
        #expect(places(rest) == [[9]])
        #expect(rest[0].stream == batches[0].stream)
        #expect(rest[0].news(after: 6).lines.map(\.place) == [9])
        feed.settle { _ in 10 }
        #expect(feed.doneTo == "s=j;i=a")
    }

    @Test func scopesOfSessionsAreNoLabels() async throws {
        let feed = JournalFeed(source: "s", labels: ["job": "x"], from: nil) {}
        try await add(1, unit: "session-7.scope", to: feed)
        try await add(2, unit: "web.service", to: feed)
        #expect(
            feed.next(mostLines: 9, mostBytes: .max).map(\.origin.labels) == [
                ["job": "x"], ["job": "x", "unit": "web.service"],
            ])
    }

    @Test(arguments: [
        "", "{}", #"{"__CURSOR":7}"#, #"{"__CURSOR":"s=j","__REALTIME_TIMESTAMP":"7"}"#, "-- No entries --",
    ])
    func whatIsNoEntryIsNone(line: String) { #expect(JournalEntry(Array(line.utf8)) == nil) }
}
