import StoreService

/// A small chart as SVG: a line over an area, gaps left open, scaled to its own range.
///
/// Points are in order of time; nil is a gap. The picture stretches to the width that the style sheet gives it.
struct Sparkline {
    var points: [Double?]
    /// The class of the `svg` element: `spark` or `chart`.
    var style: String
    /// The range of values shown at least, so that noise around a constant does not look like a mountain.
    var least: ClosedRange<Double>?
    /// Positions from 0 to 1 at which a commit was applied.
    var marks: [Double] = []

    private static let width = 300.0
    private static let height = 60.0

    var svg: String {
        let runs: [[(x: Double, y: Double)]] = plotted()
        var parts: String = marks.map { mark in
            let x: String = coordinate(mark * Self.width)
            return "<path class=\"mark\" d=\"M\(x) 0V\(Int(Self.height))\"/>"
        }.joined()
        for run in runs {
            guard let first = run.first, let last = run.last else { continue }
            let line: String = run.map { "\(coordinate($0.x)) \(coordinate($0.y))" }.joined(separator: "L")
            if run.count > 1 {
                let base: String = coordinate(Self.height)
                parts +=
                    "<path class=\"area\" d=\"M\(coordinate(first.x)) \(base)L\(line)L\(coordinate(last.x)) \(base)Z\"/>"
            }
            parts += "<path class=\"stroke\" d=\"M\(line)\(run.count == 1 ? "h1" : "")\"/>"
        }
        return
            "<svg class=\"\(style)\" viewBox=\"0 0 \(Int(Self.width)) \(Int(Self.height))\" preserveAspectRatio=\"none\" "
            + "aria-hidden=\"true\">\(parts)</svg>"
    }

    /// The points in the picture's coordinates, as runs without a gap; the last point stands at the right edge.
    private func plotted() -> [[(x: Double, y: Double)]] {
        let known: [Double] = points.compactMap { $0 }.filter(\.isFinite)
        guard let smallest = known.min(), let largest = known.max() else { return [] }
        let low: Double = min(smallest, least?.lowerBound ?? smallest)
        let high: Double = max(largest, least?.upperBound ?? largest)
        // Halves, because the difference of two numbers may be beyond every number.
        let span: Double = high > low ? high / 2 - low / 2 : 1
        let inset = 2.0
        var runs: [[(x: Double, y: Double)]] = [[]]
        for (index, point) in points.enumerated() {
            guard let point, point.isFinite else {
                if runs[runs.count - 1].isEmpty == false { runs.append([]) }
                continue
            }
            let x: Double = points.count > 1 ? Self.width * Double(index) / Double(points.count - 1) : Self.width
            let y: Double = Self.height - inset - (Self.height - 2 * inset) * ((point / 2 - low / 2) / span)
            runs[runs.count - 1].append((x, y))
        }
        return runs.filter { !$0.isEmpty }
    }
}

/// One digit after the point is finer than a pixel.
private func coordinate(_ number: Double) -> String {
    let tenths = Int((number * 10).rounded())
    return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(abs(tenths % 10))"
}
