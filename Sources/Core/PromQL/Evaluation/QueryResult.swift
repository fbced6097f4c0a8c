package import Telemetry

/// What an expression is at an instant or over a range.
package enum QueryResult: Sendable {
    case scalar(Sample)
    case string(Timestamp, String)
    /// One sample for each series; in order where the expression sorts, else by labels.
    case vector([VectorElement])
    /// Samples over time, series sorted by labels.
    case matrix([MatrixSeries])
}

package struct VectorElement: Hashable, Sendable {
    package var labels: Labels
    package var sample: Sample

    package init(labels: Labels, sample: Sample) {
        self.labels = labels
        self.sample = sample
    }
}

package struct MatrixSeries: Hashable, Sendable {
    package var labels: Labels
    package var samples: [Sample]

    package init(labels: Labels, samples: [Sample]) {
        self.labels = labels
        self.samples = samples
    }
}
