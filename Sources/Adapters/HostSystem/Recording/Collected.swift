package import Telemetry

/// One value of one series, now.
package struct Measurement: Hashable, Sendable {
    package var series: Telemetry.Series
    package var value: Double

    package init(_ series: Telemetry.Series, _ value: Double) {
        self.series = series
        self.value = value
    }
}

/// What one look at the host gave. Part of it may be missing: then it says what and why.
///
/// It is kept from look to look, because making a name with labels costs a hundred times what reading a number does. A
/// collector adds its values in the same order each time, so each is compared with what was added at this step the last
/// time: the name's address and the few bytes that tell one series of this name from another. Only where they differ
/// is the series made and looked up.
package struct Collected: Sendable {
    /// Why measurements are missing that should be there: the collector counts as failing.
    package var problems: [String] = []
    /// What is wrong with the host rather than with the collector, such as a mount that does not answer.
    package var remarks: [String] = []
    /// Every series that was ever seen, in order of first sight.
    package private(set) var series: [Series] = []
    /// The value of each series this time; nil where it was not seen.
    package private(set) var values: [Double?] = []
    /// How many series have a value this time.
    package private(set) var presentCount = 0

    private struct Step {
        var name: Int
        var variant: Int
        var key: [UInt8]
        /// Where the value belongs; nil where the series is left out.
        var place: Int?
    }

    private var steps: [Step] = []
    private var position = 0
    private var places: [Series: Int] = [:]
    private let exclusion: Exclusion
    private let labels: [String: String]

    /// `exclude` are shell globs of metric names to leave out; `labels` are added to every series, where it has none of
    /// this name itself.
    package init(exclude: [String] = [], labels: [String: String] = [:]) {
        self.init(exclusion: Exclusion(exclude), labels: labels)
    }

    init(exclusion: Exclusion, labels: [String: String] = [:]) {
        self.exclusion = exclusion
        self.labels = labels
    }

    /// What was measured this time.
    package var measurements: [Measurement] {
        zip(series, values).compactMap { series, value in value.map { Measurement(series, $0) } }
    }

    /// Begins a new look: what was learned stays, values and messages go.
    package mutating func begin() {
        problems.removeAll(keepingCapacity: true)
        remarks.removeAll(keepingCapacity: true)
        // A frame may hold on to the last values, so they are replaced and not overwritten.
        values = [Double?](repeating: nil, count: series.count)
        presentCount = 0
        position = 0
    }

    /// Adds the series `name` without labels.
    mutating func add(_ name: StaticString, _ value: Double) {
        add(name, key: [], value) { Series("\(name)") }
    }

    /// Adds the series `name` with one label.
    mutating func add(_ name: StaticString, _ labelName: StaticString, _ labelValue: Bytes, _ value: Double) {
        add(name, key: labelValue, value) { Series("\(name)", Labels(["\(labelName)": label(labelValue)])) }
    }

    /// Adds a series that `name`, `variant` and `key` together tell from all others of this collector. `make` is called
    /// where it was not added at this step the last time.
    mutating func add(
        _ name: StaticString, variant: Int = 0, key: Bytes, _ value: Double, _ make: () -> Series
    ) {
        add(name, variant: variant, key: key, value) { .series(make()) }
    }

    /// What a line of a page of metrics stands for.
    package enum Exposed: Sendable {
        case series(Series)
        /// Nothing, by somebody's decision: it is not asked again.
        case leftOut
        /// Nothing, by mistake: it is asked, and said, each time.
        case faulty
    }

    /// Adds what a line of a page of metrics stands for, which `key` tells from all others on the page.
    package mutating func add(exposed key: ArraySlice<UInt8>, of page: Int = 0, _ value: Double, _ make: () -> Exposed)
    {
        add("exposed", variant: page, key: key, value, make)
    }

    private mutating func add(
        _ name: StaticString, variant: Int, key: Bytes, _ value: Double, _ make: () -> Exposed
    ) {
        let address: Int = Int(bitPattern: name.utf8Start)
        if position < steps.count, steps[position].name == address, steps[position].variant == variant,
            key.elementsEqual(steps[position].key)
        {
            set(steps[position].place, value)
        } else {
            let place: Int?
            switch make() {
            case .series(let series): place = self.place(of: series)
            case .leftOut: place = nil
            case .faulty: return
            }
            let step = Step(name: address, variant: variant, key: Array(key), place: place)
            if position < steps.count { steps[position] = step } else { steps.append(step) }
            set(place, value)
        }
        position += 1
    }

    /// Adds a series that is made anew each time; for what is measured seldom.
    package mutating func add(_ series: Series, _ value: Double) { set(place(of: series), value) }

    private mutating func set(_ place: Int?, _ value: Double) {
        guard let place else { return }
        if values[place] == nil { presentCount += 1 }
        values[place] = value
    }

    private mutating func place(of own: Series) -> Int? {
        guard !exclusion.covers(own.name) else { return nil }
        var whole: Series = own
        if !labels.isEmpty { whole.labels = Labels(labels.merging(own.labels.dictionary) { _, own in own }) }
        if let known = places[whole] { return known }
        places[whole] = series.count
        series.append(whole)
        values.append(nil)
        return series.count - 1
    }
}
