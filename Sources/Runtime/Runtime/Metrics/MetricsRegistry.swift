import Synchronization
package import Telemetry

/// A program's own metrics, in the text form that Prometheus reads. Also the backend of swift-metrics, so that what
/// libraries count shows up beside our own.
///
/// Names follow Prometheus: `plumb_…_total` for counters, base units, labels from small closed sets. Series past
/// `limit` are counted in `plumb_metrics_refused_series_total` and not kept: a label with a hostile value must not eat
/// the memory.
package final class MetricsRegistry: Sendable {
    private struct State {
        var families: [String: Family] = [:]
        var seriesCount = 0
        var refused = 0
    }

    struct Family {
        var help: String
        var kind: Kind
        var instruments: [Labels: any ExposedInstrument] = [:]
    }

    enum Kind: String { case counter, gauge, histogram }

    private let limit: Int
    private let state = Mutex(State())

    package init(limit: Int = 5000) { self.limit = limit }

    /// The counter of that name and labels; the same one each time. `help` counts where it is said first.
    package func counter(_ name: String, _ help: String = "", labels: Labels = .none) -> CounterInstrument {
        instrument(name, help, .counter, labels) { CounterInstrument() }
    }

    package func gauge(_ name: String, _ help: String = "", labels: Labels = .none) -> GaugeInstrument {
        instrument(name, help, .gauge, labels) { GaugeInstrument() }
    }

    /// A histogram in seconds, unless `buckets` says otherwise.
    package func histogram(
        _ name: String, _ help: String = "", labels: Labels = .none, buckets: [Double] = HistogramInstrument.seconds
    ) -> HistogramInstrument {
        instrument(name, help, .histogram, labels) { HistogramInstrument(buckets: buckets) }
    }

    private func instrument<Instrument: ExposedInstrument>(
        _ rawName: String, _ help: String, _ kind: Kind, _ labels: Labels, _ make: () -> Instrument
    ) -> Instrument {
        // Nearly always it is there, under the name that was asked for.
        let known: Instrument? = state.withLock { $0.families[rawName]?.instruments[labels] as? Instrument }
        if let known { return known }
        let name: String = Self.validName(rawName)
        return state.withLock { state in
            if let known = state.families[name]?.instruments[labels] {
                guard let same = known as? Instrument else {
                    // One name, two kinds: our own mistake, but not one to stop a server for.
                    state.refused += 1
                    return make()
                }
                return same
            }
            let instrument: Instrument = make()
            let fits: Bool = state.seriesCount < limit && (state.families[name].map { $0.kind == kind } ?? true)
            guard fits else {
                state.refused += 1
                return instrument
            }
            state.seriesCount += 1
            state.families[name, default: Family(help: help, kind: kind)].instruments[labels] = instrument
            if state.families[name]?.help.isEmpty == true { state.families[name]?.help = help }
            return instrument
        }
    }

    /// Takes one series out.
    package func remove(_ instrument: AnyObject) {
        state.withLock { state in
            for (name, family) in state.families {
                for (labels, known) in family.instruments where known === instrument {
                    state.families[name]?.instruments[labels] = nil
                    state.seriesCount -= 1
                }
            }
        }
    }

    /// The text exposition format 0.0.4: families by name, series by labels.
    package var exposition: String {
        let (families, refused) = state.withLock { ($0.families, $0.refused) }
        var text = ""
        for (name, family) in families.sorted(by: { $0.key < $1.key }) where !family.instruments.isEmpty {
            text += header(name, family.help, family.kind)
            for (labels, instrument) in family.instruments.sorted(by: { $0.key < $1.key }) {
                for line in instrument.lines(name: name, labels: labels) { text += line }
            }
        }
        let name = "plumb_metrics_refused_series_total"
        return text + header(name, "Series not kept because there were too many.", .counter) + "\(name) \(refused)\n"
    }

    private func header(_ name: String, _ help: String, _ kind: Kind) -> String {
        let escaped: String = help.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
        return (help.isEmpty ? "" : "# HELP \(name) \(escaped)\n") + "# TYPE \(name) \(kind.rawValue)\n"
    }

    /// Other characters than Prometheus allows become underscores: libraries use dots.
    private static func validName(_ name: String) -> String {
        let scalars: [Character] = name.unicodeScalars.map { scalar in
            let allowed: Bool =
                ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || ("0"..."9").contains(scalar)
                || scalar == "_" || scalar == ":"
            return allowed ? Character(scalar) : "_"
        }
        guard let first = scalars.first else { return "_" }
        return first.isNumber ? "_" + String(scalars) : String(scalars)
    }
}
