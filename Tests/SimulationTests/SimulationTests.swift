import Runtime
import Simulation
import Testing

/// How many schedules are run: as many as fit into every test run, or as `PLUMB_SIMULATION_SCHEDULES` says.
private let schedules: UInt64 = ProcessEnvironment.value("PLUMB_SIMULATION_SCHEDULES").flatMap { UInt64($0) } ?? 2000
/// The first seed, to go on elsewhere or to repeat one.
private let firstSeed: UInt64 = ProcessEnvironment.value("PLUMB_SIMULATION_SEED").flatMap { UInt64($0) } ?? 1

@Suite struct SimulationTests {
    @Test func theSameSeedGivesTheSameTrace() {
        for seed in UInt64(1)...10 {
            let first: Verdict = Simulation.run(Schedule(seed: seed), isTracing: true)
            let second: Verdict = Simulation.run(Schedule(seed: seed), isTracing: true)
            #expect(!first.trace.isEmpty && first.trace == second.trace, "seed \(seed)")
        }
    }

    /// Beyond the first ones; what they found was mended.
    @Test(arguments: [1496, 1801, 2054, 4234, 5687, 6510, 12201, 12737, 18906, 24579, 57847, 77881] as [UInt64])
    func whatWasFoundStaysMended(_ seed: UInt64) {
        let violation: Violation? = Simulation.run(Schedule(seed: seed)).violation
        #expect(violation == nil, "seed \(seed)")
    }

    @Test func noScheduleBreaksAnInvariant() async {
        let found: Verdict? = await Simulation.searchInParallel(firstSeed..<firstSeed + schedules)
        if let found { Issue.record("\(Simulation.explained(found))") }
    }
}

/// The schedule that found each one last (`scripts/simulate --defect all` prints them). Where schedules have changed since
/// then, all of them are looked through.
private let lastFound: [Defect: UInt64] = [
    .unreadableIsEmpty: 65,
    .lastAnswerStands: 338,
    .halfTreeIsWhole: 47,
    .badFilesAreSkipped: 9,
    .rewrittenHistoryIsTaken: 17,
    .anchorIsForgotten: 17,
    .everythingIsPermitted: 3,
    .guardIsOff: 3,
    .deletionsAreForgotten: 3,
    .inventoryIsLost: 614,
    .foreignIsOurs: 13,
    .epochIsNotSent: 1,
    .epochIsNotChecked: 67,
    .holdersAreAlike: 2,
    .generationIsNotChecked: 508,
    .secondLookIsRemembered: 5,
    .generationIsBelieved: 140,
    .appliedDigestIsBelieved: 1,
    .instancesAreBelieved: 1,
    .secretsAreShown: 1,
    .filesAreTorn: 24,
    .requestIdsRepeat: 1,
    .driftIsLeft: 1,
    .timeOfDayIsBelieved: 25,
    .ordersAreForgotten: 6,
    .tolerationsAreIgnored: 337,
    .storeInUseIsTakenForEmpty: 26,
]

// Each mistake that people make in reconcilers is found by the same schedules.
@Suite struct DefectTests {
    @Test(arguments: Defect.allCases.filter { $0 != .none })
    func aPlantedDefectIsFound(_ defect: Defect) async {
        if let seed = lastFound[defect], Simulation.run(Schedule(seed: seed), defect: defect).violation != nil {
            return
        }
        let found: Verdict? = await Simulation.searchInParallel(1..<2001, defect: defect)
        #expect(found?.violation != nil, "\(defect.rawValue) was not found in 2000 schedules")
    }
}
