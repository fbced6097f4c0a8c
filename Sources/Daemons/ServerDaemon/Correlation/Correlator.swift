import Database
import Declarations
import PromQL
import Telemetry

/// A question: what happened around a moment.
struct CorrelationQuestion: Sendable {
    var span: CorrelationSpan
    /// Nil for every host.
    var host: String?
    /// The most items of each kind.
    var limit: Int

    static let defaultWindow = PromDuration.minutes(15)
    /// Six times this is read.
    static let longestWindow = PromDuration.hours(2)
}

/// What one source had to say.
struct Section: Sendable {
    var items: [TimelineItem]
    /// Whether there was more than the limit.
    var isTruncated = false
    /// Why it could not be asked; the others are told all the same.
    var error: String?
}

/// Everything around a moment.
struct Correlation: Sendable {
    var question: CorrelationQuestion
    var sections: [TimelineItem.Kind: Section]
    var moves: [MetricMove]
    /// Producers that began or ended to report as a whole; their series are not among `moves`.
    var sources: [SourceMove] = []
    /// How many series there are and at how many of them was looked.
    var seriesCount: Int
    var seriesLooked: Int
    /// How many moved; `moves` has the strongest of them.
    var movedCount: Int
    var metricsError: String?

    /// All items in order of time.
    var timeline: [TimelineItem] {
        sections.values.flatMap(\.items).sorted {
            ($0.at, $0.kind.rawValue, $0.text) < ($1.at, $1.kind.rawValue, $1.text)
        }
    }
}

/// Where a correlation looks. A closure per source; one that this server does not have is not asked.
struct Correlator: Sendable {
    typealias Source = @Sendable (_ question: CorrelationQuestion) async throws -> Section

    /// By what they tell; one source may tell of several kinds.
    var sources: [(kinds: [TimelineItem.Kind], ask: Source)]
    /// Which series there are in the span, and the samples of one host's.
    var labels: @Sendable (Selection) async throws -> [Labels]
    var load: @Sendable (Selection) async throws -> [SeriesData]

    /// Samples that one question reads at most: less than a second's work.
    static let mostSamples = 4_000_000
    static let mostSeries = 4000
    /// What most collectors take; only for the estimate of how much will be read.
    private static let usualInterval = PromDuration.seconds(10)

    func answer(_ question: CorrelationQuestion) async -> Correlation {
        var sections: [TimelineItem.Kind: Section] = [:]
        for source in sources {
            do {
                let section: Section = try await source.ask(question)
                for kind in source.kinds {
                    sections[kind] = Section(
                        items: section.items.filter { $0.kind == kind }, isTruncated: section.isTruncated)
                }
            } catch {
                for kind in source.kinds { sections[kind] = Section(items: [], error: "\(error)") }
            }
        }
        var correlation = Correlation(
            question: question, sections: sections, moves: [], seriesCount: 0, seriesLooked: 0, movedCount: 0)
        do { try await addMoves(to: &correlation) } catch { correlation.metricsError = "\(error)" }
        return correlation
    }

    /// Looks at the hosts of which something else is told first, then at the others by name, as far as the budget goes.
    private func addMoves(to correlation: inout Correlation) async throws {
        let question: CorrelationQuestion = correlation.question
        let span: CorrelationSpan = question.span
        let all: [Labels] = try await labels(selection(question.host, span)).filter(Self.isWorthALook)
        correlation.seriesCount = all.count
        let perHost: [String: [Labels]] = Dictionary(grouping: all) { $0["host"] ?? "" }
        let involved: Set<String> = Set(correlation.timeline.compactMap(\.host))
        let hosts: [String] = perHost.keys.sorted {
            (involved.contains($0) ? 0 : 1, $0) < (involved.contains($1) ? 0 : 1, $1)
        }
        let perSeries: Int64 = max(1, (span.to - span.baselineFrom).milliseconds / Self.usualInterval.milliseconds)
        let budget: Int = min(Self.mostSeries, max(1, Self.mostSamples / Int(perSeries)))
        var moves: [MetricMove] = []
        var looked: [Labels] = []
        for host in hosts {
            let count: Int = perHost[host]?.count ?? 0
            guard correlation.seriesLooked == 0 || correlation.seriesLooked + count <= budget else { break }
            try Task.checkCancellation()
            let data: [SeriesData] = try await load(selection(host, span))
            correlation.seriesLooked += count
            moves += await Self.moves(data, span)
            looked += data.map(\.labels).filter(Self.isWorthALook)
        }
        (moves, correlation.sources) = MetricMoves.collapsed(moves, looked: looked)
        correlation.movedCount = moves.count
        correlation.moves = MetricMoves.ranked(moves, limit: question.limit)
    }

    /// Not on the event loop: comparing is work.
    @concurrent
    private static func moves(_ data: [SeriesData], _ span: CorrelationSpan) async -> [MetricMove] {
        data.filter { isWorthALook($0.labels) }
            .compactMap { MetricMoves.move(of: $0.labels, times: $0.times, values: $0.values, span: span) }
    }

    private func selection(_ host: String?, _ span: CorrelationSpan) -> Selection {
        Selection(
            matchers: host.map { [Matcher.equal("host", $0)] } ?? [], after: span.baselineFrom.milliseconds - 1,
            through: span.to.milliseconds)
    }

    /// Buckets of histograms move together with their count, and clocks always move.
    private static func isWorthALook(_ labels: Labels) -> Bool {
        let name: String = labels["__name__"] ?? ""
        return !name.hasSuffix("_bucket") && !name.hasSuffix("_time_seconds") && !name.hasSuffix("_timestamp_seconds")
    }
}
