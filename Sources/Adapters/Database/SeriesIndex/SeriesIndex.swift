import PromQL
import Telemetry

/// Every series by its labels, the layouts that it stands in and the sources that use those: what planning a query
/// needs, in memory. Nothing of it is ever taken back, so it only grows.
///
/// Series, layouts and sources have numbers of their own here, in order of arrival, so that lists of them are flat
/// arrays. 100 to 150 bytes a series beside texts that only one series has; a source costs some dozens of bytes whatever
/// it holds, because sources of one kind share layouts.
struct SeriesIndex: Sendable {
    /// What a layout's list says: series identifiers in the database, by position.
    struct Layout: Sendable {
        var id: Int
        var series: [Int]
    }

    var texts = TextTable()

    // MARK: Series, by number

    var seriesIDs: [Int] = []
    private var seriesNumbers: [Int: UInt32] = [:]
    /// Where a series' labels begin in `labels`; one more than there are series.
    var labelStarts: [UInt32] = [0]
    /// Name and value of each label as texts, in order of name; the metric's name is among them.
    var labels: [UInt64] = []
    /// Per label name: (value, series).
    var postings: [UInt32: SortedKeys] = [:]

    // MARK: Layouts and sources, by number

    private var layoutNumbers: [Int: UInt32] = [:]
    var layoutIDs: [Int] = []
    /// (series, layout and position): 24 bits for the one, 8 for the other.
    var places = SortedKeys()
    /// The sources of each layout.
    var layoutSources: [[UInt32]] = []

    private var sourceNumbers: [Int: UInt32] = [:]
    var sourceIDs: [Int] = []
    /// Host and producer of each source, as texts.
    var sources: [(host: UInt32, producer: UInt32)] = []
    private var pairs: Set<UInt64> = []

    var seriesCount: Int { seriesIDs.count }

    func knows(layout id: Int) -> Bool { layoutNumbers[id] != nil }
    func knows(series id: Int) -> Bool { seriesNumbers[id] != nil }

    // MARK: Growing

    mutating func add(series id: Int, name: String, labels own: [String: String]) {
        guard seriesNumbers[id] == nil else { return }
        let number = UInt32(seriesIDs.count)
        seriesNumbers[id] = number
        seriesIDs.append(id)
        var pairs: [(name: String, value: String)] = own.filter { !$0.value.isEmpty }.map { ($0.key, $0.value) }
        pairs.append((metricNameLabel, name))
        pairs.sort { $0.name < $1.name }
        for pair in pairs {
            let (label, value) = (texts.intern(pair.name), texts.intern(pair.value))
            labels.append(UInt64(label) << 32 | UInt64(value))
            postings[label, default: SortedKeys()].insert(UInt64(value) << 32 | UInt64(number))
        }
        labelStarts.append(UInt32(labels.count))
    }

    /// The layout's series must be known.
    mutating func add(_ layout: Layout) {
        guard layoutNumbers[layout.id] == nil else { return }
        let number = UInt32(layoutIDs.count)
        precondition(number < 1 << 24 && layout.series.count <= 256, "a layout's number and positions have 32 bits")
        layoutNumbers[layout.id] = number
        layoutIDs.append(layout.id)
        layoutSources.append([])
        for (position, id) in layout.series.enumerated() {
            guard let series = seriesNumbers[id] else { continue }
            places.insert(UInt64(series) << 32 | UInt64(number) << 8 | UInt64(position))
        }
    }

    /// Says that a source uses a layout. The layout must be known.
    mutating func add(source id: Int, host: String, producer: String, layout: Int) {
        guard let layout = layoutNumbers[layout] else { return }
        let source: UInt32
        if let known = sourceNumbers[id] {
            source = known
        } else {
            source = UInt32(sourceIDs.count)
            sourceNumbers[id] = source
            sourceIDs.append(id)
            sources.append((texts.intern(host), texts.intern(producer)))
        }
        if pairs.insert(UInt64(source) << 32 | UInt64(layout)).inserted { layoutSources[Int(layout)].append(source) }
    }

    /// Takes what waits into order and gives back room, after many were added.
    mutating func settle() {
        seriesIDs = seriesIDs.map(\.self)
        labelStarts = labelStarts.map(\.self)
        labels = labels.map(\.self)
        places.settle()
        for label in postings.keys { postings[label]?.settle() }
    }

    /// What it takes, in about.
    var bytes: Int {
        let lists: Int = seriesIDs.capacity * 8 + labelStarts.capacity * 4 + labels.capacity * 8 + places.bytes
        let numbers: Int = (seriesNumbers.capacity + layoutNumbers.capacity + sourceNumbers.capacity) * 17
        let bySource: Int = sources.capacity * 16 + pairs.capacity * 9
        return lists + numbers + bySource + texts.bytes + postings.values.reduce(0) { $0 + $1.bytes }
            + layoutSources.reduce(0) { $0 + 32 + $1.capacity * 4 }
    }
}
