import PromQL
import Telemetry

/// Which part of a selection's time rollups answer, and which the samples.
struct RollupCover: Sendable {
    /// After the first, up to the second, milliseconds since 1970.
    struct Stretch: Hashable, Sendable {
        var after: Int64
        var through: Int64
        var isRolledUp: Bool

        /// The hours that it touches: the beginnings of the first and of the one behind the last.
        var hours: Range<Int64> {
            rollupHour(of: after + 1)..<(rollupHour(of: through) + BucketWidth.hour.milliseconds)
        }
    }

    var width: BucketWidth
    /// In order of time, without a gap.
    var stretches: [Stretch]

    /// What is known of the hours.
    struct Hours: Sendable {
        /// Those that begin before it are closed.
        var closed: Int64
        /// Those of them whose rollups are not of all samples yet.
        var open: Set<Int64> = []
        /// Where the rollups of the width begin.
        var oldest: Int64
        /// Where samples begin: before it rollups are all that there is.
        var samples: Int64 = .min

        func isRolledUp(_ hour: Int64) -> Bool {
            guard hour < closed, hour >= oldest else { return false }
            return !open.contains(hour) || hour + BucketWidth.hour.milliseconds <= samples
        }
    }

    /// More hours than these are not looked at one by one: 30 years.
    private static let mostHours: Int64 = 30 * 366 * 24

    /// How rollups answer a selection exactly; nil where they cannot, or have nothing of its time.
    static func exact(_ selection: Selection, _ known: StoreLook.Rollups) -> RollupCover? {
        guard let use = selection.buckets, let width = use.widths.first, let closed = known.closed,
            let oldest = known.oldest[width]
        else { return nil }
        let hours: Int64 = selection.hourCount
        // A stretch of less than an hour is seldom closed, and a few rows of frames.
        guard hours >= 1, hours < mostHours else { return nil }
        var whole: Selection = selection
        if use.isOneWindow {
            (whole.after, whole.through) = (width.end(of: whole.after), width.start(of: whole.through))
        }
        // What lies beside the edges must be there.
        guard whole == selection || selection.after >= known.samples ?? .max else { return nil }
        var cover = RollupCover(
            whole, width: width,
            Hours(closed: closed, open: known.marked, oldest: oldest, samples: known.samples ?? .max))
        guard cover.isUseful else { return nil }
        cover.extend(to: selection)
        return cover
    }

    /// By the samples between the ends of a window and the next edges of buckets.
    private mutating func extend(to selection: Selection) {
        guard let first = stretches.first, let last = stretches.last else { return }
        if selection.after < first.after {
            let beginning = Stretch(after: selection.after, through: first.after, isRolledUp: false)
            // Not made one with samples that follow: an edge lies between.
            stretches.insert(beginning, at: 0)
        }
        if last.through < selection.through {
            append(Stretch(after: last.through, through: selection.through, isRolledUp: false))
        }
    }

    /// How rollups stand in for samples that are gone, for questions that they do not answer exactly: by the last value
    /// of each bucket, of the narrowest width that is there. Nil where all samples are there.
    static func substitute(_ selection: Selection, _ known: StoreLook.Rollups) -> RollupCover? {
        guard let closed = known.closed, selection.hourCount < mostHours else { return nil }
        let samples: Int64 = known.samples ?? .max
        guard selection.after < samples else { return nil }
        var best: (width: BucketWidth, oldest: Int64)?
        // The narrowest that reaches back to the beginning, else the one that reaches back furthest.
        for width in BucketWidth.allCases {
            guard let oldest = known.oldest[width] else { continue }
            if let present = best, present.oldest <= max(oldest, selection.after) { continue }
            best = (width, oldest)
        }
        guard let best else { return nil }
        let cover = RollupCover(
            selection, width: best.width, Hours(closed: min(closed, samples), oldest: best.oldest))
        return cover.isUseful ? cover : nil
    }

    init(_ selection: Selection, width: BucketWidth, _ hours: Hours) {
        self.width = width
        stretches = []
        let step: Int64 = BucketWidth.hour.milliseconds
        var edge: Int64 = selection.after
        while edge < selection.through {
            let hour: Int64 = rollupHour(of: edge + 1)
            // Beyond what is closed there is nothing to decide hour by hour.
            let end: Int64 = hour >= hours.closed ? selection.through : min(hour + step, selection.through)
            append(Stretch(after: edge, through: end, isRolledUp: hours.isRolledUp(hour)))
            edge = end
        }
    }

    private mutating func append(_ stretch: Stretch) {
        guard let last = stretches.last, last.isRolledUp == stretch.isRolledUp else { return stretches.append(stretch) }
        stretches[stretches.count - 1].through = stretch.through
    }

    var isUseful: Bool { stretches.contains(where: \.isRolledUp) }
}

extension Selection {
    fileprivate var hourCount: Int64 { (through - after) / BucketWidth.hour.milliseconds }
}

/// The hour that a sample at `time` belongs to, in milliseconds since 1970: open at its beginning, closed at its end.
func rollupHour(of time: Int64) -> Int64 { BucketWidth.hour.end(of: time) - BucketWidth.hour.milliseconds }
