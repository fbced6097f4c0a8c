import Declarations

/// What the systems did, side by side.
struct StoreTables {
    /// Ours first.
    var all: [StoreBenchmark.Results]
    /// By the loads' titles.
    var copies: [(load: String, measurement: Measurement)]
    /// What the queries took TimescaleDB, by their names.
    var timescale: [(name: String, latencies: Measurement)]
    var parts: Set<StorePart>

    var texts: [String] {
        var texts: [String] = []
        if all.contains(where: { !$0.ingest.isEmpty }) { texts.append(ingest.text) }
        if parts.contains(.growth) { texts.append(growth.text) }
        if parts.contains(.day) {
            texts += [disk.text, queries.text, differences.joined(separator: "\n")]
        }
        if parts.contains(.series) { texts.append(series.text) }
        return texts
    }

    private var others: ArraySlice<StoreBenchmark.Results> { all.dropFirst() }

    private var ingest: MarkdownTable {
        var heads: [String] = ["load"]
        for results in all { heads += ["\(results.name) M/s", "CPU s/M", "p99 ms"] }
        heads += copies.isEmpty ? [] : ["bare COPY M/s", "CPU s/M"]
        heads += others.map { "rate to \($0.name)'s" }
        var table = MarkdownTable(heads)
        for (place, row) in (all.first?.ingest ?? []).enumerated() {
            let measurements: [Measurement] = all.map { $0.ingest[place].measurement }
            var cells: [String] = [row.load]
            for one in measurements {
                cells += [
                    (one.samplesPerSecond / 1e6).text(2), one.processorSecondsPerMillionSamples.text(3),
                    one.milliseconds(atQuantile: 0.99).text(1),
                ]
            }
            if !copies.isEmpty {
                let copy: Measurement? = copies.first { $0.load == row.load }?.measurement
                cells +=
                    copy.map {
                        [($0.samplesPerSecond / 1e6).text(2), $0.processorSecondsPerMillionSamples.text(3)]
                    } ?? ["", ""]
            }
            cells += measurements.dropFirst().map { (measurements[0].samplesPerSecond / $0.samplesPerSecond).text(2) }
            table.append(cells)
        }
        return table
    }

    private var growth: MarkdownTable {
        var table = MarkdownTable(["hosts x 50 series"] + all.flatMap { ["\($0.name) M/s", "CPU s/M", "p99 ms"] })
        for (place, step) in (all.first?.growth ?? []).enumerated() {
            table.append(
                ["\(step.hosts)"]
                    + all.map { $0.growth[place].measurement }.flatMap {
                        [
                            ($0.samplesPerSecond / 1e6).text(2), $0.processorSecondsPerMillionSamples.text(3),
                            $0.milliseconds(atQuantile: 0.99).text(1),
                        ]
                    })
        }
        return table
    }

    private var series: MarkdownTable {
        var table = MarkdownTable([
            "system", "series added", "CPU µs each", "index bytes each", "series in all", "RSS MiB", "anonymous MiB",
            "bytes of it each",
        ])
        for results in all {
            for step in results.series {
                let grown: Int = step.memory.anonymous - step.empty.anonymous
                table.append([
                    results.name, "\(step.added)", (step.measurement.processorSecondsPerMillionSamples).text(1),
                    step.indexBytes.map { (Double($0) / Double(step.all)).text(0) } ?? "", "\(step.all)",
                    "\(step.memory.resident >> 20)", "\(step.memory.anonymous >> 20)",
                    (Double(grown) / Double(step.all)).text(0),
                ])
            }
        }
        return table
    }

    private var disk: MarkdownTable {
        var table = MarkdownTable(["system", "what", "bytes a sample"])
        for results in all {
            for use in results.disk {
                let each: Double = Double(use.bytes) / Double(max(results.samplesOnDisk, 1))
                table.append([results.name, use.what, each.text(2)])
            }
        }
        return table
    }

    private var queries: MarkdownTable {
        let columns: [(name: String, outcomes: [(query: BenchQuery, outcome: QueryTarget.Outcome)])] = all.flatMap {
            results in results.queries.map { ("\(results.name), \($0.state)", $0.outcomes) }
        }
        var table = MarkdownTable(
            ["query, p50 ms"] + columns.map(\.name) + (timescale.isEmpty ? [] : ["TimescaleDB, compressed"]))
        for (place, row) in (columns.first?.outcomes ?? []).enumerated() {
            table.append(
                [row.query.name]
                    + columns.map { $0.outcomes[place].outcome.latencies.milliseconds(atQuantile: 0.5).text(2) }
                    + timescale.filter { $0.name == row.query.name }.map {
                        $0.latencies.milliseconds(atQuantile: 0.5).text(2)
                    })
        }
        return table
    }

    /// Where ours answers something else than Prometheus, whose language it is.
    private var differences: [String] {
        guard let ours = all.first, let theirs = all.first(where: { $0.name == "Prometheus" })?.queries.first else {
            return []
        }
        return ours.queries.flatMap { state, outcomes in
            outcomes.enumerated().map { place, mine in
                let other = AnswerPoints(theirs.outcomes[place].outcome.answers)
                let difference: String? = AnswerPoints(mine.outcome.answers).difference(from: other)
                return "\(state), \(mine.query.name): " + (difference ?? "equal to Prometheus' answer")
            }
        }
    }
}
