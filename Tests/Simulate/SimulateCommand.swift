import ArgumentParser
import Simulation

/// `plumb-simulate`: runs gitops-sync through random schedules of faults, as `make simulate` does at night.
@main
struct SimulateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plumb-simulate",
        abstract: "Run the reconciler in a simulated world and look for a schedule that breaks an invariant.",
        discussion: """
            Exit status: 0 where nothing was found, else 1. A schedule that was found is repeated with \
            --seed SEED --schedules 1.
            """)

    @Option(help: "How many schedules.")
    var schedules: UInt64 = 100_000
    @Option(help: "The first seed.")
    var seed: UInt64 = 1
    @Option(help: "Plant this mistake, and say in which schedule it is found; \"all\" for one after the other.")
    var defect: String?
    @Flag(help: "Show what happens in the schedule of --seed.")
    var trace = false

    func run() async throws {
        if trace {
            let planted: Defect = defect.flatMap(Defect.init) ?? .none
            for line in Simulation.run(Schedule(seed: seed), defect: planted, isTracing: true).trace { print(line) }
            return
        }
        if let defect { return try await find(defect) }
        let start = ContinuousClock.now
        let found: Verdict? = await Simulation.searchInParallel(seed..<seed + schedules)
        print("\(schedules) schedules from seed \(seed): \(ContinuousClock.now - start)")
        guard let found else { return print("Nothing was found.") }
        print(Simulation.explained(found))
        throw ExitCode(1)
    }

    private func find(_ name: String) async throws {
        let wanted: [Defect] = name == "all" ? Defect.allCases.filter { $0 != .none } : [try defect(named: name)]
        var isMissed = false
        for defect in wanted {
            let found: Verdict? = await Simulation.searchInParallel(seed..<seed + schedules, defect: defect)
            isMissed = isMissed || found == nil
            print(
                "\(defect.rawValue): \(found.map { "seed \($0.schedule.seed), \($0.violation?.description ?? "")" } ?? "NOT FOUND")"
            )
        }
        if isMissed { throw ExitCode(1) }
    }

    private func defect(named name: String) throws -> Defect {
        guard let defect = Defect(rawValue: name) else {
            let known: String = Defect.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("no defect \"\(name)\"; there are \(known)")
        }
        return defect
    }
}
