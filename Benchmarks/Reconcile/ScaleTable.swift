/// The figures of several sizes beside what was aimed at.
struct ScaleTable {
    typealias Row = (resources: Int, figures: ScaleBenchmark.Figures)

    static func show(_ rows: [Row]) {
        showPrograms(rows)
        showRuns(rows)
        for row in rows where !row.figures.waits.isEmpty { showWaits(row) }
        guard let last = rows.last else { return }
        showGoals(last)
        if let first = rows.first, rows.count > 1 { showGrowth(from: first, to: last) }
    }

    private static func showPrograms(_ rows: [Row]) {
        var table = MarkdownTable([
            "resources", "validate s", "CPU s", "MiB", "plan s", "CPU s", "MiB",
        ])
        for (resources, figures) in rows {
            var cells: [String] = ["\(resources)"]
            for use in [figures.validate, figures.plan] {
                cells += [use.seconds.text(2), use.processorSeconds.text(2), mebibytes(use.peak)]
            }
            table.append(cells)
        }
        print("\n" + table.text)
    }

    private static func showRuns(_ rows: [Row]) {
        var table = MarkdownTable([
            "resources", "run", "ms", "CPU ms: gitops-sync", "server", "PostgreSQL", "peak MiB of gitops-sync",
        ])
        for (resources, figures) in rows {
            func line(_ name: String, _ run: ScaleBenchmark.Run?, _ time: ProcessorTime, _ digits: Int = 0) {
                table.append([
                    "\(resources)", name, run.map { ($0.seconds * 1000).text(0) } ?? "",
                    (time.sync * 1000).text(digits), (time.server * 1000).text(digits),
                    (time.postgres * 1000).text(digits), run.map { mebibytes($0.peak) } ?? "",
                ])
            }
            line("first apply", figures.firstApply, figures.firstApply.time)
            line("one change", figures.oneChange, figures.oneChange.time)
            line("everything read and compared", figures.whole, figures.whole.time)
            line("nothing moved", nil, figures.look, 2)
        }
        print("\n" + table.text)
    }

    private static func showWaits(_ row: Row) {
        var table = MarkdownTable(["with \(row.resources) resources", "n", "p50 ms", "p95 ms", "p99 ms", "most"])
        for (way, _, times) in row.figures.waits {
            table.append(
                [way, "\(times.latencies.count)"]
                    + [0.5, 0.95, 0.99, 1].map { times.milliseconds(atQuantile: $0).text(0) })
        }
        print("\n" + table.text)
    }

    private static func showGoals(_ row: Row) {
        print("\nAimed at, and what was reached of it (below 1 is better), with \(row.resources) resources:")
        let figures: ScaleBenchmark.Figures = row.figures
        var goals: [(String, Double, Double)] = [
            ("a look while nothing moves, 5 ms of CPU of gitops-sync", figures.look.sync * 1000, 5),
            ("everything read and compared, 300 ms", figures.whole.seconds * 1000, 300),
            ("memory of gitops-sync meanwhile, 60 MiB", Double(figures.whole.peak >> 20), 60),
            ("first apply, 5 s", figures.firstApply.seconds, 5),
        ]
        for (way, goal, times) in figures.waits {
            let reached: Double = times.milliseconds(atQuantile: goal.quantile)
            goals.append(
                ("\(way), p\((goal.quantile * 100).text(0)) \(goal.seconds.text(0)) s", reached / 1000, goal.seconds))
        }
        for (name, value, goal) in goals { print("- \(name): \((value / goal).text(2))") }
    }

    private static func showGrowth(from first: Row, to last: Row) {
        print("\nGrowth for \((Double(last.resources) / Double(first.resources)).text(0)) times the resources:")
        let pairs: [(String, Double, Double)] = [
            ("validate, CPU", first.figures.validate.processorSeconds, last.figures.validate.processorSeconds),
            ("plan, CPU", first.figures.plan.processorSeconds, last.figures.plan.processorSeconds),
            ("first apply", first.figures.firstApply.seconds, last.figures.firstApply.seconds),
            ("everything read and compared", first.figures.whole.seconds, last.figures.whole.seconds),
            ("a look while nothing moves, CPU", first.figures.look.sync, last.figures.look.sync),
        ]
        for (name, small, large) in pairs { print("- \(name): \((large / small).text(1)) times") }
    }

    private static func mebibytes(_ bytes: Int) -> String { "\(bytes >> 20)" }
}
