import Declarations

/// What happens when, made from a seed alone.
package struct Schedule: Hashable, Sendable {
    struct Event: Hashable, Sendable {
        var milliseconds: Int
        var fault: Fault
    }

    package let seed: UInt64
    var events: [Event]
    var daemons: Int
    var hasProxy: Bool
    /// What somebody made in the server's store before gitops-sync came.
    var found: [Fault.Change]

    /// How long faults go on, and how long everything may take afterwards to be as declared.
    static let calmAfter: Duration = .seconds(120)
    static let patience: Duration = .seconds(1200)

    package init(seed: UInt64) {
        self.seed = seed
        var random = SeededGenerator(seed: seed)
        daemons = random.chance(20) ? 2 : 1
        hasProxy = random.chance(40)
        let first = Schedule.complete(Self.someEntries(&random, hasProxy: hasProxy))
        let changes: [Fault.Change] = first.sorted { $0.key < $1.key }.map { .init(key: $0.key, entry: $0.value) }
        let isInUse: Bool = daemons == 1 && random.chance(10)
        found = isInUse ? (0..<3).map { .init(key: Vocabulary.groups[$0 + 2], entry: Entry($0)) } : []
        events = [
            Event(milliseconds: 0, fault: .push(changes: changes, fault: nil, isPermitted: true, webhook: false))
        ]
        for _ in 0..<(4 + random.below(8)) {
            let at: Int = 2000 + random.below(Int(Self.calmAfter.components.seconds) * 1000 - 2000)
            events.append(Event(milliseconds: at, fault: fault(&random)))
        }
        if isInUse {
            events.append(Event(milliseconds: 20_000 + random.below(60_000), fault: .order(daemon: 0, .enforce)))
        }
        events += Self.deletionsAroundARestart(seed)
        events.sort { $0.milliseconds < $1.milliseconds }
    }

    /// In a tenth of the schedules somebody takes out some groups, and some more after gitops-sync was started again: each
    /// time as many as the guard lets pass, together too many. Chance hardly ever has them in that order.
    private static func deletionsAroundARestart(_ seed: UInt64) -> [Event] {
        // A generator of its own leaves all else as the seed has it.
        var random = SeededGenerator(seed: seed ^ 0xDE1E7E)
        guard random.chance(10) else { return [] }
        func push(_ keys: ArraySlice<ResourceKey>, _ entry: Entry?) -> Fault {
            .push(changes: keys.map { .init(key: $0, entry: entry) }, fault: nil, isPermitted: false, webhook: true)
        }
        let groups: [ResourceKey] = Vocabulary.groups
        let start: Int = 3000 + random.below(30_000)
        return [
            Event(milliseconds: start, fault: push(groups[...], Entry(random.below(4)))),
            Event(milliseconds: start + 15_000, fault: push(groups[0..<2], nil)),
            Event(
                milliseconds: start + 30_000,
                fault: .crash(daemon: 0, afterSteps: random.below(6), downSeconds: 1 + random.below(10), .none)),
            Event(milliseconds: start + 50_000, fault: push(groups[2..<(4 + random.below(2))], nil)),
        ]
    }

    /// With everything that is referred to.
    static func complete(_ entries: [ResourceKey: Entry]) -> [ResourceKey: Entry] {
        var entries: [ResourceKey: Entry] = entries
        for (key, entry) in entries {
            guard let needed = Vocabulary.reference(key, entry.variant), entries[needed] == nil else { continue }
            entries[needed] = Entry(0)
        }
        // The last one must not go.
        if entries[Vocabulary.notifiers[0]] == nil { entries[Vocabulary.notifiers[0]] = Entry(0) }
        return entries
    }

    private static func someEntries(_ random: inout SeededGenerator, hasProxy: Bool) -> [ResourceKey: Entry] {
        var entries: [ResourceKey: Entry] = [:]
        for key in Vocabulary.ofServer + (hasProxy ? Vocabulary.pipelines : []) where random.chance(60) {
            entries[key] = entry(&random)
        }
        return entries
    }

    private static func entry(_ random: inout SeededGenerator) -> Entry {
        let variant: Int = random.below(4)
        guard random.chance(15) else { return Entry(variant) }
        return Entry(variant, drift: random.chance(50) ? .report : .ignore, isKept: random.chance(50))
    }

    private func key(_ random: inout SeededGenerator, of component: Component) -> ResourceKey {
        let keys: [ResourceKey] = component == .proxy ? Vocabulary.pipelines : Vocabulary.ofServer
        return keys[random.below(keys.count)]
    }

    private func store(_ random: inout SeededGenerator) -> Component {
        hasProxy && random.chance(30) ? .proxy : .server
    }

    private func changes(_ random: inout SeededGenerator, most: Int) -> [Fault.Change] {
        (0..<(1 + random.below(most))).map { _ in
            let entry: Entry? = random.chance(35) ? nil : Self.entry(&random)
            return Fault.Change(key: key(&random, of: store(&random)), entry: entry)
        }
    }

    private func fault(_ random: inout SeededGenerator) -> Fault {
        // Orders are known to one daemon at once and to another later: what binds is clear where there is one.
        if daemons == 1, random.chance(12) { return .order(daemon: 0, order(&random)) }
        if random.chance(5) { return .pause(daemon: random.below(daemons), seconds: 20 + random.below(80)) }
        switch random.below(100) {
        case 0..<22: return push(&random)
        case 22..<26: return .rewrite(back: 1 + random.below(3), changes: changes(&random, most: 3))
        case 26..<28 where daemons == 1: return .accept(daemon: 0)
        case 26..<28: return .killWorkers(daemon: random.below(daemons), count: 1 + random.below(8))
        case 28..<31: return .damageRepository(daemon: random.below(daemons))
        case 31..<33: return .killWorkers(daemon: random.below(daemons), count: 1 + random.below(8))
        case 33..<40: return link(&random)
        case 40..<46:
            let places: [Component] = [.git, .server, store(&random)]
            return .away(places[random.below(3)], seconds: 1 + random.below(60))
        case 46..<64:
            let name: Component = store(&random)
            let channels: [Fault.Channel] = [.api, .sql, .unaudited]
            let entry: Entry? = random.chance(30) ? nil : Entry(random.below(6))
            return .edit(name, .init(key: key(&random, of: name), entry: entry), channels[random.below(3)])
        case 64..<67: return .backUp(store(&random))
        // With two daemons what was accepted since the backup is known to one of them alone, and no rule could help.
        case 67..<70 where daemons == 1: return .restore(store(&random), age: random.below(3))
        case 67..<74: return .lag(store(&random), seconds: 1 + random.below(60))
        case 74..<88:
            let losses: [StateLoss] = [.none, .none, .none, .none, .state, .old]
            return .crash(
                daemon: random.below(daemons), afterSteps: random.below(25), downSeconds: 1 + random.below(40),
                losses[random.below(losses.count)])
        case 88..<92:
            let jumps: [Int] = [-7200, -90, -5, 5, 90, 7200]
            return .clockJump(daemon: random.below(daemons), seconds: jumps[random.below(jumps.count)])
        case 92..<95: return .hostAway(random.below(2), seconds: 1 + random.below(80))
        default: return .hostEdit(random.below(2), removes: random.chance(30), variant: 6 + random.below(3))
        }
    }

    private func order(_ random: inout SeededGenerator) -> Fault.Order {
        switch random.below(10) {
        case 0..<3: .suspend
        case 3: .resume
        case 4..<7: .pin(back: random.below(3), isPermitted: random.chance(50))
        case 7: .unpin
        default: .tolerate(key(&random, of: store(&random)), minutes: 1 + random.below(30))
        }
    }

    private func push(_ random: inout SeededGenerator) -> Fault {
        let faults: [Fault.CommitFault] = [.unknownField, .danglingReference, .notYAML, .symlink]
        let isBad: Bool = random.chance(20)
        // Now and then somebody takes much out at once.
        let isGreat: Bool = random.chance(35)
        var changes: [Fault.Change] = changes(&random, most: 4)
        if isGreat {
            let keys: [ResourceKey] = hasProxy && random.chance(40) ? Vocabulary.pipelines : Vocabulary.groups
            let first: Int = random.below(keys.count)
            changes += (0..<(1 + random.below(keys.count))).map {
                .init(key: keys[(first + $0) % keys.count], entry: nil)
            }
        }
        return .push(
            changes: changes, fault: isBad ? faults[random.below(faults.count)] : nil, isPermitted: random.chance(20),
            webhook: random.chance(30))
    }

    private func link(_ random: inout SeededGenerator) -> Fault {
        let conditions: [SimulatedNetwork.Condition] = [.silent, .deaf, .refusing, .slow, .slow, .breaking]
        let places: [Component] = [.git, .server, .server, store(&random)]
        return .link(
            daemon: random.below(daemons), places[random.below(4)], conditions[random.below(conditions.count)],
            seconds: 1 + random.below(60))
    }
}
