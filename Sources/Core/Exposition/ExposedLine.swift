/// One line of a text that metrics are exposed in: `http_requests_total{code="200"} 1027 1395066363000`.
///
/// The series is not taken apart here: most lines are the same as the last time but for their number, and whoever reads
/// them again and again remembers what the bytes stand for. ``ExposedSeries`` takes it apart.
package struct ExposedLine: Hashable, Sendable {
    /// Name and labels as they stand there.
    package var series: ArraySlice<UInt8>
    package var value: Double
    /// Whether the sender said when it was measured.
    package var hasTimestamp: Bool
    /// From 1.
    package var number: Int
}

/// The texts in which metrics are exposed.
package enum ExpositionFormat: Hashable, Sendable {
    /// Prometheus' text format, version 0.0.4.
    case prometheus
    /// OpenMetrics 1.0: ends with `# EOF`, so a text that was cut off is seen.
    case openMetrics

    /// What a `Content-Type` says; the text format where it says nothing that is known.
    package init(contentType: String?) {
        let type: Substring? = contentType?.split(separator: ";").first
        let isOpenMetrics: Bool =
            type?.filter { !$0.isWhitespace }.lowercased() == "application/openmetrics-text"
        self = isOpenMetrics ? .openMetrics : .prometheus
    }
}

/// Why a line, or a whole text, is not what it should be.
package struct ExpositionError: Error, Hashable, Sendable, CustomStringConvertible {
    /// From 1; nil where it is about the whole text.
    package var line: Int?
    package var message: String

    package init(line: Int?, _ message: String) {
        self.line = line
        self.message = message
    }

    package var description: String { line.map { "line \($0): \(message)" } ?? message }
}
