import FrameFormat
package import Telemetry

/// A list of series that a sender defined, held to the rules once: what of it is stored, and why the rest is not.
package struct CheckedLayout: Sendable {
    /// How many series the definition has.
    package let width: Int
    /// The series that are stored.
    package let series: [Series]
    /// Their columns; nil where all are stored.
    let columns: [Int]?
    /// The columns that are not, each with the reason.
    let refused: [(column: Int, objection: Objection)]

    init(_ definition: LayoutDefinition) throws(FrameFormatError) {
        var seen: Set<Series> = []
        var series: [Series] = []
        var columns: [Int] = []
        var refused: [(column: Int, objection: Objection)] = []
        let entries: [LayoutDefinition.Entry] = try definition.entries()
        for (column, entry) in entries.enumerated() {
            switch Self.checked(entry) {
            case .success(let one):
                if seen.insert(one).inserted {
                    series.append(one)
                    columns.append(column)
                } else {
                    refused.append((column, Objection(.twice, "\(one) is listed twice")))
                }
            case .failure(let error): refused.append((column, error))
            }
        }
        width = entries.count
        self.series = series
        self.columns = refused.isEmpty ? nil : columns
        self.refused = refused
    }

    private static func checked(_ entry: LayoutDefinition.Entry) -> Result<Series, Objection> {
        guard let name = entry.name else { return .failure(Objection(.name, "the name is no UTF-8")) }
        var labels: [String: String] = [:]
        for label in entry.labels {
            guard let labelName = label.name, let value = label.value else {
                return .failure(Objection(.labels, "a label of \(name) is no UTF-8"))
            }
            if labels.updateValue(value, forKey: labelName) != nil {
                return .failure(Objection(.labels, "label \(labelName) is given twice"))
            }
        }
        return RawSeries(name: name, labels: labels, problem: nil).checked
    }
}
