import Alerting
import Declarations
import Telemetry

/// The page of everything around one moment.
struct AroundView {
    var host: String?
    var urlHost: String
    var time: String
    var window: String
    var from: String
    var to: String
    /// For the links to the same question earlier, later, wider and narrower.
    var earlier: String
    var later: String
    var wider: String
    var narrower: String
    var everywhere: String?
    var items: [Item]
    var hasItems: Bool
    var moves: [Move]
    var hasMoves: Bool
    var moveCount: String
    var sources: [String]
    var remarks: [String]

    struct Item {
        var time: String
        var exact: String
        /// Whether it was at or after the moment that was asked for; the first such has a line above it.
        var isFirstAfter: Bool
        var moment: String
        var kind: String
        var level: String
        var text: String
        var link: String?
    }

    struct Move {
        var name: String
        var labels: String
        var before: String
        var during: String
        var change: String
        var level: String
        /// 0 to 100, for the bar.
        var strength: Int
        var bar: String
        var score: String
    }

    init(_ correlation: Correlation) {
        let question: CorrelationQuestion = correlation.question
        let span: CorrelationSpan = question.span
        host = question.host
        urlHost = HostCard.encoded(question.host ?? "")
        time = Wording.second(span.time)
        window = span.window.description
        from = Wording.second(span.from)
        to = Wording.second(span.to)
        earlier = Self.link(span.time - span.window, span.window, question.host)
        later = Self.link(span.time + span.window, span.window, question.host)
        wider = Self.link(
            span.time, min(CorrelationQuestion.longestWindow, PromDuration(milliseconds: span.window.milliseconds * 2)),
            question.host)
        narrower = Self.link(
            span.time, max(.seconds(30), PromDuration(milliseconds: span.window.milliseconds / 2)), question.host)
        everywhere = question.host.map { _ in Self.link(span.time, span.window, nil) }
        items = Self.items(correlation.timeline, moment: span.time)
        hasItems = !items.isEmpty
        moves = correlation.moves.map(Move.init)
        hasMoves = !moves.isEmpty
        moveCount = "\(correlation.movedCount) of \(correlation.seriesLooked) series"
        sources = correlation.sources.map(\.text)
        remarks = Self.remarks(correlation)
    }

    /// The address of the page for one question.
    static func link(_ time: Timestamp, _ window: PromDuration?, _ host: String?) -> String {
        var link = "/around?time=\(HostCard.encoded(Wording.second(time)))"
        if let window { link += "&window=\(window)" }
        if let host { link += "&host=\(HostCard.encoded(host))" }
        return link
    }

    private static func items(_ timeline: [TimelineItem], moment: Timestamp) -> [Item] {
        let firstAfter: Int? = timeline.firstIndex { $0.at >= moment }
        return timeline.enumerated().map { index, item in
            Item(
                time: String(item.at.rfc3339.dropFirst(11).prefix(8)), exact: item.at.rfc3339,
                isFirstAfter: index == firstAfter && index > 0, moment: Wording.second(moment),
                kind: item.kind.rawValue, level: item.level,
                text: item.text, link: item.link)
        }
    }

    private static func remarks(_ correlation: Correlation) -> [String] {
        var remarks: [String] = []
        for (kind, section) in correlation.sections.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            if let error = section.error { remarks.append("\(kind.rawValue): could not be asked: \(error)") }
            if section.isTruncated { remarks.append("\(kind.rawValue): there were more; look at a shorter window") }
        }
        if let error = correlation.metricsError { remarks.append("metrics: could not be compared: \(error)") }
        if correlation.seriesLooked < correlation.seriesCount {
            remarks.append(
                "metrics: looked at \(correlation.seriesLooked) of \(correlation.seriesCount) series; choose a host")
        }
        if correlation.moves.count < correlation.movedCount {
            remarks.append("metrics: the strongest \(correlation.moves.count) of \(correlation.movedCount)")
        }
        return remarks
    }
}

extension AroundView.Move {
    init(_ move: MetricMove) {
        name = move.name
        labels = move.labels.removing(["__name__"]).pairs.map { "\($0.name)=\($0.value)" }.joined(separator: ", ")
        let unit: String = move.isRate ? "/s" : ""
        before = move.before.map { readable($0) + unit } ?? "–"
        during = move.during.map { readable($0) + unit } ?? "–"
        change = Self.change(move)
        level = move.score >= 30 ? "bad" : move.score >= 10 ? "warn" : "muted"
        // By orders of magnitude: 4 is a tenth of the bar, 1000 all of it.
        var rest: Double = move.score
        var steps = 0
        while rest > 4, steps < 10 {
            rest /= 1.75
            steps += 1
        }
        strength = max(10, steps * 10)
        bar =
            "<svg class=\"strength \(level)\" viewBox=\"0 0 100 6\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
            + "<rect class=\"ground\" width=\"100\" height=\"6\"/><rect width=\"\(strength)\" height=\"6\"/></svg>"
        score = move.score == move.score.rounded() ? "\(Int(move.score))" : "\(move.score)"
    }

    private static func change(_ move: MetricMove) -> String {
        guard let before = move.before, let during = move.during else {
            return move.kind == .appeared ? "new" : "gone"
        }
        guard before != 0 else { return during > 0 ? "from zero" : "below zero" }
        let factor: Double = during / before
        guard factor > 0, factor.isFinite else { return during == 0 ? "to zero" : "changed its sign" }
        if factor >= 2 { return "× \(readable((factor * 10).rounded() / 10))" }
        let percent = Int(((factor - 1) * 100).rounded())
        return percent >= 0 ? "+\(percent) %" : "\u{2212}\(-percent) %"
    }
}
