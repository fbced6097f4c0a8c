import Telemetry

/// Hosts that report together: what every system of a comparison is fed with, to the last bit the same.
struct Fleet: Sendable {
    var name: String
    var hosts: Int
    var seriesPerHost: Int
    /// The first tick, in milliseconds since 1970.
    var start: Int64

    /// Between two ticks, in milliseconds.
    static let interval: Int64 = 10_000

    func host(_ number: Int) -> String { "\(name)-\(number)" }

    /// What one host reports: five kinds in turn, a name for each series.
    var series: [Series] {
        (0..<seriesPerHost).map { place in
            Series("bench_\(SeriesKind(place).rawValue)_\(place / SeriesKind.allCases.count)", ["mode": "active"])
        }
    }

    func walks() -> [HostWalk] { (0..<hosts).map { HostWalk(fleet: self, host: $0) } }
}

/// What series are like on real hosts, a fifth of each.
enum SeriesKind: String, CaseIterable {
    /// Integers that only grow: bytes of a network device.
    case counter
    /// Two decimals between 0 and 100.
    case percent
    /// Changes every thousandth tick.
    case constant
    /// Memory: whole pages of 4,096 bytes.
    case bytes
    /// Hundredths of seconds that only grow: `node_cpu_seconds_total`.
    case seconds

    init(_ place: Int) { self = Self.allCases[place % Self.allCases.count] }
}

/// The values of one host, tick by tick: a random walk from a seed of the host's own.
struct HostWalk: Sendable {
    let host: Int
    private(set) var time: Int64
    private var states: [Int64]
    private var random: SplitMix64

    init(fleet: Fleet, host: Int) {
        self.host = host
        random = SplitMix64(state: UInt64(host) &* 7919 &+ UInt64(fleet.seriesPerHost))
        // Hosts do not tick together.
        time = fleet.start + Int64(random.below(UInt64(Fleet.interval)))
        states = []
        for place in 0..<fleet.seriesPerHost { states.append(Self.initial(SeriesKind(place), &random)) }
    }

    private static func initial(_ kind: SeriesKind, _ random: inout SplitMix64) -> Int64 {
        switch kind {
        case .counter: Int64(random.below(1_000_000_000))
        case .percent: Int64(random.below(10_001))
        case .constant: Int64(random.below(64))
        case .bytes: Int64(random.below(1 << 20))
        case .seconds: Int64(random.below(100_000_000))
        }
    }

    /// The next `count` frames.
    mutating func frames(_ count: Int) -> [Frame] {
        (0..<count).map { _ in
            defer { time += Fleet.interval }
            // A scrape is a millisecond or two late now and then.
            let late = Int64(random.below(3))
            return Frame(time: Timestamp(milliseconds: time + late), values: states.indices.map { step($0) })
        }
    }

    private mutating func step(_ place: Int) -> Double? {
        switch SeriesKind(place) {
        case .counter:
            states[place] += Int64(random.below(100_000))
            return Double(states[place])
        case .percent:
            states[place] = min(max(states[place] + Int64(random.below(101)) - 50, 0), 10_000)
            return Double(states[place]) / 100
        case .constant:
            if random.below(1000) == 0 { states[place] = Int64(random.below(64)) }
            return Double(states[place])
        case .bytes:
            states[place] = max(states[place] + Int64(random.below(65)) - 32, 0)
            return Double(states[place] * 4096)
        case .seconds:
            states[place] += Int64(random.below(1000))
            return Double(states[place]) / 100
        }
    }
}

/// Sebastiano Vigna's generator of 64-bit numbers: the same everywhere from the same seed.
struct SplitMix64: Sendable {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed: UInt64 = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func below(_ bound: UInt64) -> UInt64 { next().multipliedFullWidth(by: bound).high }
}
