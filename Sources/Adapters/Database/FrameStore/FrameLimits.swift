package import Telemetry

/// How many series are taken.
package struct FrameLimits: Hashable, Sendable {
    /// Series of one source within an hour; what goes beyond is refused, series by series.
    package var seriesPerSource: Int
    /// The same, of all sources of a host.
    package var seriesPerHost: Int
    /// Layouts that a source had never had, within an hour; with more, each of its series is stored by itself for an
    /// hour (`semantics.md`, "Frames and layouts").
    package var newLayouts: Int

    package init(
        seriesPerSource: Int = Limits.seriesPerSource, seriesPerHost: Int = Limits.seriesPerHost, newLayouts: Int = 20
    ) {
        self.newLayouts = newLayouts
        self.seriesPerSource = seriesPerSource
        self.seriesPerHost = seriesPerHost
    }

    /// What is wrong with them, in words for the person who set them; nil where nothing is.
    package var problem: String? {
        guard (1...1_000_000).contains(seriesPerSource), (1...1_000_000).contains(seriesPerHost) else {
            return "a source and a host have 1 to 1000000 series, not \(seriesPerSource) and \(seriesPerHost)"
        }
        guard seriesPerSource <= seriesPerHost else {
            return "a source cannot have more series (\(seriesPerSource)) than its host (\(seriesPerHost))"
        }
        guard (1...10_000).contains(newLayouts) else {
            return "a source may have 1 to 10000 new lists of series an hour, not \(newLayouts)"
        }
        return nil
    }
}

/// What became of the batches of a request.
package struct FrameOutcome: Hashable, Sendable {
    package var counts = IngestCounts()
    /// Series that are too many, in order of their batches; their samples are among the rejected.
    package var refused: [Refused] = []

    /// Sources whose lists change so often that each of their series is stored by itself from now on.
    package var restless: [Source] = []

    package struct Refused: Hashable, Sendable {
        /// The place of the batch.
        package var batch: Int
        package var series: Series
        package var samples: Int
    }
}
