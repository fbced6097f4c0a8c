import PromQL
import Telemetry

/// Which sources' frames to read, and which elements of their values.
struct ReadPlan: Sendable {
    struct Pair: Hashable { var source: Int; var layout: Int }

    /// One element of a frame's values: the identifier of its series, and the labels of that with its source's.
    struct Element { var position: Int; var series: Int; var labels: Labels }

    var elements: [Pair: [Element]] = [:]

    var isEmpty: Bool { elements.isEmpty }

    /// The positions, where they are the same in every layout and few: then only those elements travel.
    private var commonPositions: [Int]? {
        guard let first = elements.values.first?.map(\.position), first.count <= 16 else { return nil }
        return elements.values.allSatisfy { $0.map(\.position) == first } ? first : nil
    }

    func statement(_ partition: String) -> String {
        let values: String =
            commonPositions.map { positions in
                "ARRAY[\(positions.map { "values[\($0 + 1)]" }.joined(separator: ","))]::float8[]"
            } ?? "values"
        return """
            SELECT source, layout, time, ingest_seq, \(values) AS values, stale FROM \(partition)
            WHERE source = ANY ($1::int[]) AND layout = ANY ($2::int[]) AND time > $3::timestamptz
                AND time < $4::timestamptz
            """
    }

    /// Of some of the sources.
    func parameters(_ selection: Selection, _ sources: some Collection<Int>) -> [SQLValue] {
        [.integerArray(Array(sources)), .integerArray(Set(elements.keys.map(\.layout)).sorted())] + selection.bounds
    }

    var sources: [Int] { Set(elements.keys.map(\.source)).sorted() }

    var areElementsPicked: Bool { commonPositions != nil }
}
