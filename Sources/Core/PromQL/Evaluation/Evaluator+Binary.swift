import Telemetry

extension Evaluator {
    mutating func evaluate(_ binary: Binary, _ steps: Steps) throws(PromQLError) -> Value {
        switch (binary.leftType, binary.rightType) {
        case (.scalar, .scalar):
            let left: [Double] = try scalar(binary.left, steps)
            let right: [Double] = try scalar(binary.right, steps)
            return .scalar(zip(left, right).map { binary.operation.number($0, $1) })
        case (.vector, .scalar):
            let tracks: [Track] = try vector(binary.left, steps)
            return .vector(try combine(binary, tracks, try scalar(binary.right, steps), scalarIsLeft: false))
        case (.scalar, .vector):
            let numbers: [Double] = try scalar(binary.left, steps)
            return .vector(try combine(binary, try vector(binary.right, steps), numbers, scalarIsLeft: true))
        default:
            let left: [Track] = try vector(binary.left, steps)
            let right: [Track] = try vector(binary.right, steps)
            if binary.operation.isSetOperator { return .vector(try evaluateSet(binary, left, right, steps)) }
            return .vector(try match(binary, left, right, steps))
        }
    }

    private func combine(
        _ binary: Binary, _ tracks: [Track], _ numbers: [Double], scalarIsLeft: Bool
    ) throws(PromQLError) -> [Track] {
        var result: [Track] = []
        for track in tracks {
            var points = [Double?](repeating: nil, count: track.points.count)
            for (index, point) in track.points.enumerated() {
                guard let point else { continue }
                let (left, right) = scalarIsLeft ? (numbers[index], point) : (point, numbers[index])
                // A comparison that filters keeps the vector's value, on whichever side it stands.
                points[index] = binary.point(left, right, kept: point)
            }
            guard points.contains(where: { $0 != nil }) else { continue }
            result.append(Track(labels: track.labels, dropsName: track.dropsName, points: points))
        }
        return binary.dropsName ? try withoutNames(result) : result
    }

    // MARK: Sets

    private func evaluateSet(
        _ binary: Binary, _ left: [Track], _ right: [Track], _ steps: Steps
    ) throws(PromQLError) -> [Track] {
        let reference: [Track] = binary.operation == .or ? left : right
        let filtered: [Track] = binary.operation == .or ? right : left
        var present: [Labels: [Bool]] = [:]
        for track in reference {
            let key: Labels = binary.matching.signature(of: track.labels)
            var flags: [Bool] = present[key] ?? [Bool](repeating: false, count: steps.count)
            for (index, point) in track.points.enumerated() where point != nil { flags[index] = true }
            present[key] = flags
        }
        let keepsPresent: Bool = binary.operation == .and
        var result: [Track] = binary.operation == .or ? left : []
        for var track in filtered {
            let flags: [Bool]? = present[binary.matching.signature(of: track.labels)]
            for index in track.points.indices where (flags?[index] ?? false) != keepsPresent {
                track.points[index] = nil
            }
            if track.points.contains(where: { $0 != nil }) { result.append(track) }
        }
        return binary.operation == .or ? united(result) : result
    }

    /// Joins tracks of equal labels that `or` took from both sides; they never have a value at the same step.
    private func united(_ tracks: [Track]) -> [Track] {
        struct Key: Hashable {
            var labels: Labels
            var dropsName: Bool
        }
        var places: [Key: Int] = [:]
        var result: [Track] = []
        for track in tracks {
            let key = Key(labels: track.labels, dropsName: track.dropsName)
            guard let place = places[key] else {
                places[key] = result.count
                result.append(track)
                continue
            }
            for (index, point) in track.points.enumerated() where point != nil && result[place].points[index] == nil {
                result[place].points[index] = point
            }
        }
        return result
    }

    // MARK: Matching

    private mutating func match(
        _ binary: Binary, _ left: [Track], _ right: [Track], _ steps: Steps
    ) throws(PromQLError) -> [Track] {
        // "one" is the side of which each group has a single element; in one-to-one it is the right.
        let isSwapped: Bool = binary.matching.cardinality == .oneToMany
        let (many, one) = isSwapped ? (right, left) : (left, right)
        var ones: [Labels: [Int]] = [:]
        for (index, track) in one.enumerated() {
            ones[binary.matching.signature(of: track.labels), default: []].append(index)
        }
        var output = MatchOutput(count: steps.count, delaysNameRemoval: options.delaysNameRemoval)
        for key in ones.keys { try checkUnique(ones[key] ?? [], of: one, key, isLeft: isSwapped, steps) }
        for track in many {
            let key: Labels = binary.matching.signature(of: track.labels)
            for partner in ones[key] ?? [] {
                try charge(steps.count)
                try output.add(binary, many: track, one: one[partner], isSwapped: isSwapped, group: key)
            }
        }
        return output.tracks.filter { $0.points.contains { $0 != nil } }
    }

    /// An error where two series of the "one" side share a match group at one step.
    private func checkUnique(
        _ members: [Int], of tracks: [Track], _ group: Labels, isLeft: Bool, _ steps: Steps
    ) throws(PromQLError) {
        guard members.count > 1 else { return }
        for index in 0..<steps.count {
            let present: [Int] = members.filter { tracks[$0].points[index] != nil }
            guard present.count > 1 else { continue }
            let side: String = isLeft ? "left" : "right"
            throw PromQLError(
                .execution,
                "found duplicate series for the match group \(text(group)) on the \(side) hand-side of "
                    + "the operation: [\(text(tracks[present[0]].labels)), \(text(tracks[present[1]].labels))];"
                    + "many-to-many matching not allowed: matching labels must be unique on one side")
        }
    }

    private func text(_ labels: Labels) -> String { labels.isEmpty ? "{}" : labels.description }
}

/// Collects the pairs of a matched operation into tracks by result labels.
private struct MatchOutput {
    let count: Int
    let delaysNameRemoval: Bool
    var tracks: [Track] = []
    private var places: [Labels: Int] = [:]
    /// For each match group, at which steps it has given a result: one-to-one allows one.
    private var usedGroups: [Labels: [Bool]] = [:]

    init(count: Int, delaysNameRemoval: Bool) {
        self.count = count
        self.delaysNameRemoval = delaysNameRemoval
    }

    mutating func add(
        _ binary: Binary, many: Track, one: Track, isSwapped: Bool, group: Labels
    ) throws(PromQLError) {
        let labels: Labels = binary.resultLabels(many.labels, one.labels, dropsNow: !delaysNameRemoval)
        let isOneToOne: Bool = binary.matching.cardinality == .oneToOne
        var place: Int? = places[labels]
        for index in 0..<count {
            guard let manyPoint = many.points[index], let onePoint = one.points[index] else { continue }
            if isOneToOne {
                guard !(usedGroups[group]?[index] ?? false) else {
                    throw PromQLError(
                        .execution,
                        "multiple matches for labels: many-to-one matching must be explicit "
                            + "(group_left/group_right)")
                }
                usedGroups[group, default: [Bool](repeating: false, count: count)][index] = true
            }
            let (left, right) = isSwapped ? (onePoint, manyPoint) : (manyPoint, onePoint)
            guard let value = binary.point(left, right, kept: left) else { continue }
            let target: Int = place ?? append(labels, many, binary)
            place = target
            guard tracks[target].points[index] == nil else {
                throw PromQLError(
                    .execution, "multiple matches for labels: grouping labels must ensure unique matches")
            }
            tracks[target].points[index] = value
        }
    }

    private mutating func append(_ labels: Labels, _ many: Track, _ binary: Binary) -> Int {
        places[labels] = tracks.count
        let drops: Bool = many.dropsName || (delaysNameRemoval && binary.dropsName)
        tracks.append(Track(labels: labels, dropsName: drops, points: [Double?](repeating: nil, count: count)))
        return tracks.count - 1
    }
}

extension Binary {
    /// Whether the result is another quantity than the operands: all but comparisons that filter.
    var dropsName: Bool { !operation.isComparison || returnsBool }

    /// The result for one pair; nil where a comparison filters it out.
    func point(_ left: Double, _ right: Double, kept: Double) -> Double? {
        let number: Double = operation.number(left, right)
        guard operation.isComparison, !returnsBool else { return number }
        return number == 1 ? kept : nil
    }

    func resultLabels(_ many: Labels, _ one: Labels, dropsNow: Bool) -> Labels {
        var labels: Labels = dropsName && dropsNow ? many.removing([metricNameLabel]) : many
        if matching.cardinality == .oneToOne {
            labels = matching.isOn ? labels.keeping(matching.labels) : labels.removing(matching.labels)
        }
        for name in matching.included { labels = labels.setting(name, to: one[name] ?? "") }
        return labels
    }
}

extension VectorMatching {
    /// The labels that two elements must share to match.
    func signature(of all: Labels) -> Labels {
        isOn ? all.keeping(labels) : all.removing(labels.union([metricNameLabel]))
    }
}

extension BinaryOperator {
    /// The operation on two numbers; comparisons give 1 and 0.
    func number(_ left: Double, _ right: Double) -> Double {
        switch self {
        case .add: left + right
        case .subtract: left - right
        case .multiply: left * right
        case .divide: left / right
        case .modulo: Mathematics.remainder(left, right)
        case .power: Mathematics.power(left, right)
        case .atan2: Mathematics.arcTangent(left, right)
        case .equal: left == right ? 1 : 0
        case .notEqual: left != right ? 1 : 0
        case .greater: left > right ? 1 : 0
        case .less: left < right ? 1 : 0
        case .greaterOrEqual: left >= right ? 1 : 0
        case .lessOrEqual: left <= right ? 1 : 0
        case .and, .or, .unless: preconditionFailure("set operators are not arithmetic")
        }
    }
}
