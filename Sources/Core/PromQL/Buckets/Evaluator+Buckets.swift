extension Evaluator {
    /// The points of one series over windows of its buckets; nil where none has a value.
    func points(
        _ buckets: [Bucket], _ windows: Windows, _ function: (BucketWindow) -> Double?
    ) -> [Double?]? {
        var points = [Double?](repeating: nil, count: windows.steps.count)
        var isEmpty = true
        var (lower, upper) = (0, 0)
        for index in points.indices {
            let (start, end): (Int64, Int64) = (windows.start(index), windows.end(index))
            while upper < buckets.count, buckets[upper].end <= end { upper += 1 }
            while lower < upper, buckets[lower].end <= start { lower += 1 }
            let window = BucketWindow(buckets: buckets[lower..<upper], start: start, end: end)
            guard window.buckets.contains(where: { $0.count > 0 }), let value = function(window) else { continue }
            points[index] = value
            isEmpty = false
        }
        return isEmpty ? nil : points
    }
}
