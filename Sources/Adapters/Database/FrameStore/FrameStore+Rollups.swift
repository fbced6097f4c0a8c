import PromQL
import Telemetry

extension FrameStore {
    /// Rollups where they cover, the samples where they do not, as one.
    func load(
        _ selection: Selection, _ plan: ReadPlan, _ cover: RollupCover, _ reader: RollupReader, isExact: Bool = true
    ) async throws -> [SeriesData] {
        var columns = [RollupColumn](repeating: RollupColumn(), count: reader.labels.count)
        var places: [Labels: Int] = [:]
        for (place, labels) in reader.labels.enumerated() { places[labels] = place }
        for stretch in cover.stretches {
            if stretch.isRolledUp {
                for (place, part) in try await rollups.read(stretch, reader).enumerated() {
                    columns[place].append(part)
                }
            } else {
                var part: Selection = selection
                (part.after, part.through) = (stretch.after, stretch.through)
                for (labels, times, values) in try await samples(part, plan) {
                    guard let place = places[labels] else { continue }
                    columns[place].append(Self.column(times, values, reader))
                }
            }
        }
        return zip(reader.labels, columns).compactMap { labels, column in
            var series: SeriesData
            switch reader.purpose {
            case .lastSamples:
                guard !column.times.isEmpty else { return nil }
                series = SeriesData(labels: labels, times: column.times, values: column.values)
            case .windows:
                guard !column.buckets.isEmpty else { return nil }
                series = SeriesData(labels: labels, buckets: column.buckets)
            }
            series.resolution = cover.width
            if !isExact { series.goneBefore = cover.stretches.last(where: \.isRolledUp)?.through }
            return series
        }
    }

    private static func column(_ times: [Int64], _ values: [Double], _ reader: RollupReader) -> RollupColumn {
        switch reader.purpose {
        case .lastSamples: RollupColumn(times: times, values: values)
        case .windows: RollupColumn(buckets: Bucket.fold(times: times, values: values, width: reader.width))
        }
    }
}

extension RollupColumn {
    /// Adds what comes later in time. Stretches meet at edges of hours and so of buckets, but the first may begin within
    /// one whose last sample comes twice.
    fileprivate mutating func append(_ later: RollupColumn) {
        let edge: Int64 = times.last ?? .min
        let start: Int = later.times.firstIndex { $0 > edge } ?? later.times.count
        times += later.times[start...]
        values += later.values[start...]
        buckets += later.buckets
    }
}
