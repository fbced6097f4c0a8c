/// What the agent costs beside the others, and beside what was aimed at.
struct AgentTable {
    static func show(_ figures: AgentBenchmark.Figures) {
        guard let ours = figures.parties.first else { return }
        print("\nAgent: \(figures.seconds.text(0)) s beside others that look every 10 s too.\n")
        var table = MarkdownTable([
            "program", "series", "RSS MiB", "anonymous", "of files", "CPU ms a minute", "program MB",
            "bytes a sample",
        ])
        for party in figures.parties {
            table.append([
                party.name, "\(party.series)", mebibytes(party.memory.resident), mebibytes(party.memory.anonymous),
                mebibytes(party.memory.fileBacked), perMinute(party, figures).text(1),
                (Double(party.size) / 1e6).text(1), party.wire?.text(2) ?? "–",
            ])
        }
        print(table.text)
        print("\nBytes a sample: the agent's bodies; node_exporter's page with gzip, by its series.")
        print(
            "\nBodies of requests, bytes a sample: \(figures.freshBytesPerSample.text(2)) with one tick a request, "
                + "\(figures.backlogBytesPerSample.text(2)) in a backlog of \(figures.backlogSamples.text(0)) samples.")
        print("\nAimed at, and what was reached of it (below 1 is better):")
        var goals: [(String, Double, Double)] = [
            ("anonymous memory, 6 MiB", Double(ours.memory.anonymous) / 1024, 6),
            ("bytes a sample with one tick a request, 3", figures.freshBytesPerSample, 3),
            ("bytes a sample in a backlog, 1.2", figures.backlogBytesPerSample, 1.2),
        ]
        if let exporter = figures.parties.first(where: { $0.name == "node_exporter" }) {
            goals.append(("RSS, node_exporter's", Double(ours.memory.resident), Double(exporter.memory.resident)))
            goals.append(("CPU, node_exporter's", ours.processorSeconds, exporter.processorSeconds))
        }
        for (name, value, goal) in goals { print("- \(name): \((value / max(goal, 1e-9)).text(2))") }
    }

    private static func mebibytes(_ kibibytes: Int) -> String { (Double(kibibytes) / 1024).text(1) }

    private static func perMinute(
        _ party: AgentBenchmark.Figures.Party, _ figures: AgentBenchmark.Figures
    ) -> Double {
        party.processorSeconds * 1000 / max(1, figures.seconds) * 60
    }
}
