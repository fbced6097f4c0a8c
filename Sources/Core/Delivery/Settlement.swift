package import Declarations

/// What the end of some frames adds to the ledger.
package struct Settlement: Hashable, Sendable {
    /// Of the frames that are in the spool.
    package var sequences: SequenceSet
    /// How many samples of them each segment held.
    package var segments: [Int: Int] = [:]
    /// Samples of frames that were never written to the spool: in the ledger of the spool they count as collected now.
    package var unspooled = 0
    package var acknowledged = 0
    package var dropped: [DeliveryLedger.Reason: Int] = [:]
    /// Samples that are in the store now and were not before, and the hour of their time.
    package var stored = 0
    package var hour = 0

    package init(sequences: SequenceSet = SequenceSet()) { self.sequences = sequences }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        sequences = try SequenceSet(json: reader.required("frames"))
        for (number, count) in json["segments"]?.object ?? [:] {
            if let number = Int(number), let count = count.integer { segments[number] = count }
        }
        unspooled = try reader.optionalInteger("unspooled") ?? 0
        let tally = try DeliveryLedger.Tally(
            json: ["collected": 0, "acknowledged": json["acknowledged"] ?? 0, "dropped": json["dropped"] ?? [:]])
        acknowledged = tally.acknowledged
        dropped = tally.dropped
        stored = try reader.optionalInteger("stored") ?? 0
        hour = try reader.optionalInteger("hour") ?? 0
    }

    package var json: JSONValue {
        func count(_ value: Int) -> JSONValue? { value == 0 ? nil : .integer(value) }
        return .object(compacting: [
            "frames": sequences.json, "segments": segments.isEmpty ? nil : segments.keyedJSON,
            "unspooled": count(unspooled), "acknowledged": count(acknowledged),
            "dropped": dropped.isEmpty
                ? nil
                : .object(
                    Dictionary(uniqueKeysWithValues: dropped.map { ($0.key.rawValue, JSONValue.integer($0.value)) })),
            "stored": count(stored), "hour": count(hour),
        ])
    }
}

extension [Int: Int] {
    var keyedJSON: JSONValue {
        .object(Dictionary<String, JSONValue>(uniqueKeysWithValues: map { ("\($0.key)", .integer($0.value)) }))
    }
}

/// Numbers of frames, as ranges: those of one time come in a row.
package struct SequenceSet: Hashable, Sendable {
    /// Closed, ascending, apart from each other.
    private(set) var ranges: [ClosedRange<UInt64>] = []

    package init() {}

    package init(_ numbers: some Sequence<UInt64>) {
        for number in numbers.sorted() {
            if let last = ranges.last, number <= last.upperBound { continue }
            if let last = ranges.last, number == last.upperBound + 1 {
                ranges[ranges.count - 1] = last.lowerBound...number
            } else {
                ranges.append(number...number)
            }
        }
    }

    package var isEmpty: Bool { ranges.isEmpty }
    package var numbers: [UInt64] { ranges.flatMap { Array($0) } }
    package var count: Int { ranges.reduce(0) { $0 + $1.count } }

    package func contains(_ number: UInt64) -> Bool {
        var low = 0
        var high: Int = ranges.count
        while low < high {
            let middle: Int = (low + high) / 2
            if ranges[middle].upperBound < number { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].contains(number)
    }

    package mutating func insert(_ number: UInt64) {
        if let last = ranges.last, number > last.upperBound {
            if number == last.upperBound + 1 {
                ranges[ranges.count - 1] = last.lowerBound...number
            } else {
                ranges.append(number...number)
            }
        } else if !contains(number) {
            self = SequenceSet(numbers + [number])
        }
    }

    /// Removes what `other` holds; answers how many were there.
    @discardableResult
    package mutating func subtract(_ other: SequenceSet) -> Int {
        let before: Int = count
        for cut in other.ranges {
            ranges = ranges.flatMap { range -> [ClosedRange<UInt64>] in
                guard range.overlaps(cut) else { return [range] }
                var rest: [ClosedRange<UInt64>] = []
                if range.lowerBound < cut.lowerBound { rest.append(range.lowerBound...cut.lowerBound - 1) }
                if range.upperBound > cut.upperBound { rest.append(cut.upperBound + 1...range.upperBound) }
                return rest
            }
        }
        return before - count
    }

    package init(json: JSONValue) throws(JSONFormError) {
        for item in json.array ?? [] {
            guard let pair = item.array, pair.count == 2, let low = pair[0].integer, let high = pair[1].integer,
                low >= 0, high >= low, high - low < 1 << 32
            else { throw JSONFormError(path: "", message: "expected pairs of numbers of frames") }
            if let last = ranges.last, UInt64(low) <= last.upperBound {
                throw JSONFormError(path: "", message: "numbers of frames out of order")
            }
            ranges.append(UInt64(low)...UInt64(high))
        }
    }

    package var json: JSONValue {
        .array(ranges.map { [.integer(Int($0.lowerBound)), .integer(Int($0.upperBound))] })
    }
}
