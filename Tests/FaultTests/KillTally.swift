/// What one blow met, and what came of it.
struct KillRound: Sendable {
    enum Victim: String, CaseIterable, Sendable { case server, postgres, session }

    var victim: Victim
    /// Transactions that had written when the blow fell, and were rolled back by it.
    var rolledBack = 0
    /// Transactions that were under way for certain when the server was killed: whatever became of them, nobody was told.
    var answersCutOff = 0
    /// Requests that were sent and not answered, once or more often.
    var unanswered = 0
    /// Those of them that were never answered, and are stored as a whole.
    var storedUnanswered = 0
    /// Spans whose blocks were being written when the blow fell, and still were not read after it.
    var sealsCutOff = 0
    /// Acknowledged samples.
    var acknowledged = 0
    /// Samples acknowledged in each second up to the blow.
    var rate = 0

    /// A transaction was ended before its commit, or between its commit and the answer.
    var cutsCommit: Bool { rolledBack > 0 || storedUnanswered > 0 || answersCutOff > 0 }
}

/// The closing account of a run.
struct KillTally: Sendable {
    var rounds: [KillRound] = []
    /// Samples that are there at the end, each counted once, read as queries read them.
    var stored = 0
    /// Samples in blocks at the end, when everything is in blocks: more than `stored` would be duplicates.
    var inBlocks = 0
    var sealedSpans = 0

    var acknowledged: Int { sum(\.acknowledged) }
    var storedUnanswered: Int { sum(\.storedUnanswered) * FaultWriter.samplesPerRequest }
    var roundsThatCutCommits: Int { rounds.count(where: \.cutsCommit) }

    /// A table for `docs/performance.md`.
    var text: String {
        var lines: [String] = [
            "| killed | rounds | cut off a commit | of these rolled back | cut off sealing | requests unanswered | "
                + "of these stored | samples acknowledged |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        ]
        for victim in KillRound.Victim.allCases {
            lines.append(Self.line(victim.rawValue, rounds.filter { $0.victim == victim }))
        }
        lines.append(Self.line("all", rounds))
        let rates: [Int] = rounds.map(\.rate).sorted()
        lines.append(
            "\(acknowledged) samples acknowledged + \(storedUnanswered) stored without an answer = "
                + "\(acknowledged + storedUnanswered); \(stored) read back, \(inBlocks) in the blocks of \(sealedSpans) spans; "
                + "\(rates.first ?? 0)/s to \(rates.last ?? 0)/s up to the blow")
        return lines.joined(separator: "\n")
    }

    private static func line(_ name: String, _ rounds: [KillRound]) -> String {
        func sum(_ field: (KillRound) -> Int) -> Int { rounds.reduce(0) { $0 + field($1) } }
        let cells: [Int] = [
            rounds.count, rounds.count(where: \.cutsCommit), rounds.count { $0.rolledBack > 0 },
            rounds.count { $0.sealsCutOff > 0 }, sum(\.unanswered), sum(\.storedUnanswered), sum(\.acknowledged),
        ]
        return "| \(name) | " + cells.map { "\($0)" }.joined(separator: " | ") + " |"
    }

    private func sum(_ field: (KillRound) -> Int) -> Int { rounds.reduce(0) { $0 + field($1) } }
}
