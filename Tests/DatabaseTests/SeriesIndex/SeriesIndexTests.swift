import PromQL
import Telemetry
import Testing

@testable import Database

/// What matchers pick is the same as trying each matcher on each series of each source.
@Suite struct SeriesIndexTests {
    private struct World {
        var series: [Series] = []
        var layouts: [[Int]] = []
        var sources: [Source] = []
        var pairs: [(source: Int, layout: Int)] = []

        init(using random: inout SplitMix) {
            var seen: Set<Series> = []
            for _ in 0..<60 {
                var labels: [String: String] = [:]
                for name in ["cpu", "mode", "job", "zone", "host"] where Bool.random(using: &random) {
                    labels[name] = ["0", "1", "idle", "user"].randomElement(using: &random)
                }
                let one = Series(
                    ["up", "cpu_seconds_total", "load"].randomElement(using: &random) ?? "", Labels(labels))
                if seen.insert(one).inserted { series.append(one) }
            }
            for _ in 0..<12 {
                layouts.append(series.indices.filter { _ in Int.random(in: 0..<3, using: &random) == 0 })
            }
            for number in 0..<9 { sources.append(Source(host: "host-\(number % 5)", producer: "p\(number)")) }
            for source in sources.indices {
                for layout in layouts.indices where Bool.random(using: &random) { pairs.append((source, layout)) }
            }
        }

        /// With identifiers apart from places, so that mixing them up shows.
        func index(using random: inout SplitMix) -> SeriesIndex {
            var index = SeriesIndex()
            for place in series.indices.shuffled(using: &random) {
                index.add(series: place + 1000, name: series[place].name, labels: series[place].labels.dictionary)
            }
            for place in layouts.indices.shuffled(using: &random) {
                index.add(SeriesIndex.Layout(id: place + 500, series: layouts[place].map { $0 + 1000 }))
            }
            for pair in pairs.shuffled(using: &random) {
                let source = sources[pair.source]
                index.add(
                    source: pair.source + 70, host: source.host, producer: source.producer, layout: pair.layout + 500)
                if Int.random(in: 0..<20, using: &random) == 0 { index.settle() }
            }
            return index
        }

        /// Source, layout, position and labels of everything that the matchers pick, one by one.
        func picked(_ matchers: [Matcher]) -> Set<[String]> {
            var found: Set<[String]> = []
            for pair in pairs {
                for (position, place) in layouts[pair.layout].enumerated() {
                    var labels = series[place].labels.setting(metricNameLabel, to: series[place].name)
                    labels = labels.setting("host", to: sources[pair.source].host)
                    if labels["job"] == nil { labels = labels.setting("job", to: sources[pair.source].producer) }
                    guard matchers.allSatisfy({ $0.matches(labels) }) else { continue }
                    found.insert([
                        "\(pair.source + 70)", "\(pair.layout + 500)", "\(position)", "\(place + 1000)",
                        labels.description,
                    ])
                }
            }
            return found
        }
    }

    @Test func `planning finds what trying every matcher on every series finds`() throws {
        var random = SplitMix(state: 4)
        for _ in 0..<8 {
            let world = World(using: &random)
            let index = world.index(using: &random)
            for _ in 0..<15 {
                var matchers: [Matcher] = []
                for _ in 0..<Int.random(in: 0...3, using: &random) {
                    let label =
                        ["__name__", "cpu", "mode", "job", "host", "zone", "nowhere"]
                        .randomElement(using: &random) ?? ""
                    let operation: Matcher.Operation =
                        [.equal, .notEqual, .matches, .matchesNot]
                        .randomElement(using: &random) ?? .equal
                    let value =
                        ["", "0", "idle", "up", "load", "host-1", "p3", "host-[12]", "i.*|0", ".+", "unheard"]
                        .randomElement(using: &random) ?? ""
                    matchers.append(try Matcher(label, operation, value))
                }
                let plan = index.plan(matchers)
                var found: Set<[String]> = []
                for (pair, elements) in plan.elements {
                    for element in elements {
                        found.insert([
                            "\(pair.source)", "\(pair.layout)", "\(element.position)", "\(element.series)",
                            element.labels.description,
                        ])
                    }
                }
                #expect(found == world.picked(matchers), "\(matchers)")
            }
        }
    }

    @Test func `a series takes at most 200 bytes, hosts of one kind nearly none`() {
        var index = SeriesIndex()
        for number in 0..<40_000 {
            index.add(
                series: number, name: "metric_\(number % 200)",
                labels: ["path": "/dir/\(number)", "mode": "m\(number % 7)", "device": "sd\(number % 30)"])
        }
        for layout in 0..<200 {
            index.add(SeriesIndex.Layout(id: layout, series: Array((layout * 200)..<((layout + 1) * 200))))
            index.add(source: layout, host: "host-\(layout)", producer: "p", layout: layout)
        }
        index.settle()
        #expect(index.bytes / 40_000 <= 200)
        let before: Int = index.bytes
        for source in 200..<1200 { index.add(source: source, host: "host-\(source)", producer: "p", layout: 0) }
        // A thousand hosts with 200 series each.
        #expect((index.bytes - before) / 1000 <= 400)
    }
}
