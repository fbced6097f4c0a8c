import PromQL
import Telemetry

extension SeriesIndex {
    /// Which elements of which sources' frames the matchers pick. No I/O.
    func plan(_ matchers: [Matcher]) -> ReadPlan {
        // Host and job are the source's labels, not the series'; a series may have a job of its own.
        let chosen: [UInt32] = series(matching: matchers.filter { $0.label != "host" && $0.label != "job" })
        guard !chosen.isEmpty else { return ReadPlan() }
        let isChosen: [Bool]? = sources(matching: matchers.filter { $0.label == "host" })
        let ofJob: [Matcher] = matchers.filter { $0.label == "job" }
        let job: UInt32? = texts.number(of: "job")
        var plan = ReadPlan()
        for series in chosen {
            let pairs: [Labels.Pair] = labelPairs(series)
            let ownJob: String? = job.flatMap { value(of: $0, in: series) }.map { texts[$0] }
            if let ownJob, !ofJob.allSatisfy({ $0.matches(ownJob) }) { continue }
            places.forEach(series) { place in
                for source in layoutSources[Int(place >> 8)] {
                    guard isChosen?[Int(source)] ?? true else { continue }
                    let (host, producer) = sources[Int(source)]
                    if ownJob == nil, !ofJob.allSatisfy({ $0.matches(texts[producer]) }) { continue }
                    let pair = ReadPlan.Pair(
                        source: sourceIDs[Int(source)], layout: layoutIDs[Int(place >> 8)])
                    plan.elements[pair, default: []].append(
                        ReadPlan.Element(
                            position: Int(place & 0xFF), series: seriesIDs[Int(series)],
                            labels: Labels(
                                series: pairs, host: texts[host], job: ownJob == nil ? texts[producer] : nil)))
                }
            }
        }
        for pair in plan.elements.keys { plan.elements[pair]?.sort { $0.position < $1.position } }
        return plan
    }

    // MARK: Series

    /// The series that satisfy all matchers, by number.
    func series(matching matchers: [Matcher]) -> [UInt32] {
        // The equality with the fewest series is where the others begin.
        var candidates: [UInt32]?
        var rest: [Matcher] = []
        for matcher in matchers {
            guard matcher.operation == .equal, !matcher.value.isEmpty else {
                rest.append(matcher)
                continue
            }
            guard let label = texts.number(of: matcher.label), let value = texts.number(of: matcher.value) else {
                return []
            }
            var found: [UInt32] = []
            if let present = candidates {
                found = present.filter { self.value(of: label, in: $0) == value }
            } else {
                postings[label]?.forEach(value) { found.append($0) }
            }
            guard !found.isEmpty else { return [] }
            candidates = found
        }
        var result: [UInt32] = candidates ?? Array(0..<UInt32(seriesCount))
        for matcher in rest { result = filter(result, by: matcher) }
        return result
    }

    /// A pattern is tried once for each distinct value, however many series have it.
    private func filter(_ candidates: [UInt32], by matcher: Matcher) -> [UInt32] {
        let matchesAbsence: Bool = matcher.matches("")
        guard let label = texts.number(of: matcher.label) else { return matchesAbsence ? candidates : [] }
        var verdicts: [UInt32: Bool] = [:]
        return candidates.filter { series in
            guard let value = value(of: label, in: series) else { return matchesAbsence }
            if let known = verdicts[value] { return known }
            let verdict: Bool = matcher.matches(texts[value])
            verdicts[value] = verdict
            return verdict
        }
    }

    private func value(of label: UInt32, in series: UInt32) -> UInt32? {
        for place in Int(labelStarts[Int(series)])..<Int(labelStarts[Int(series) + 1])
        where labels[place] >> 32 == UInt64(label) {
            return UInt32(truncatingIfNeeded: labels[place])
        }
        return nil
    }

    private func labelPairs(_ series: UInt32) -> [Labels.Pair] {
        (Int(labelStarts[Int(series)])..<Int(labelStarts[Int(series) + 1])).map { place in
            Labels.Pair(texts[UInt32(labels[place] >> 32)], texts[UInt32(truncatingIfNeeded: labels[place])])
        }
    }

    // MARK: Sources

    /// For each source whether its host satisfies all matchers; nil where there is none.
    private func sources(matching matchers: [Matcher]) -> [Bool]? {
        guard let first = matchers.first else { return nil }
        if matchers.count == 1, first.operation == .equal, !first.value.isEmpty {
            let host: UInt32? = texts.number(of: first.value)
            return sources.map { $0.host == host }
        }
        var verdicts: [UInt32: Bool] = [:]
        return sources.map { source in
            if let known = verdicts[source.host] { return known }
            let host: String = texts[source.host]
            let verdict: Bool = matchers.allSatisfy { $0.matches(host) }
            verdicts[source.host] = verdict
            return verdict
        }
    }
}

extension Labels {
    /// A series' labels, sorted and with its name, and those of its source in their places. A host that a series
    /// claims gives way.
    fileprivate init(series pairs: [Pair], host: String, job: String?) {
        var all: [Pair] = []
        all.reserveCapacity(pairs.count + 2)
        var waiting: [Pair] = [Pair("host", host)]
        if let job { waiting.append(Pair("job", job)) }
        var next = 0
        for pair in pairs where pair.name != "host" {
            while next < waiting.count, waiting[next].name < pair.name {
                all.append(waiting[next])
                next += 1
            }
            all.append(pair)
        }
        self.init(sorted: (all + waiting[next...]).filter { !$0.value.isEmpty })
    }
}
