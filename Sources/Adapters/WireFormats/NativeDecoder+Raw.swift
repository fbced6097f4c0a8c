import Telemetry

// The parts of a request as they were sent. Reading one throws only where the text is no JSON: what has another form than
// it should leaves a hole, which becomes a reject of that part.

struct RawBatch {
    var producer: String?
    var series: [RawSeries]?
    var frames: [RawFrame] = []

    init(_ cursor: inout JSONCursor) throws(WireFormatError) {
        guard try cursor.beginsObject() else { return }
        var batch = (producer: String?.none, series: [RawSeries]?.none, frames: [RawFrame]())
        try cursor.object { (cursor, key) throws(WireFormatError) in
            switch key {
            case "producer": batch.producer = try cursor.optionalString()
            case "series":
                batch.series = try cursor.optionalArray { (cursor) throws(WireFormatError) in try RawSeries(&cursor) }
            case "frames":
                var width: Int = batch.series?.count ?? 0
                batch.frames =
                    try cursor.optionalArray { (cursor) throws(WireFormatError) in
                        let frame = try RawFrame(&cursor, expected: width)
                        width = frame.values.count
                        return frame
                    } ?? []
            default: try cursor.skip()
            }
        }
        (producer, series, frames) = batch
    }
}

struct RawSeries {
    private var name: String?
    private var labels: [String: String] = [:]
    private var problem: Objection?

    init(name: String?, labels: [String: String]?, problem: Objection?) {
        self.name = name
        self.labels = labels ?? [:]
        self.problem = problem
    }

    init(_ cursor: inout JSONCursor) throws(WireFormatError) {
        var name: String?
        var labels = RawLabels()
        guard try cursor.beginsObject() else {
            self.init(name: nil, labels: nil, problem: nil)
            return
        }
        try cursor.object { (cursor, key) throws(WireFormatError) in
            switch key {
            case "name": name = try cursor.optionalString()
            case "labels": labels = try RawLabels(&cursor)
            default: try cursor.skip()
            }
        }
        self.init(name: name, labels: labels.pairs, problem: labels.problem)
    }

    /// The series, or the reason against it.
    var checked: Result<Series, Objection> {
        guard let name else { return .failure(Objection(.form, "expected the member \"name\"")) }
        if let objection = SampleRules.objection(toName: name) ?? problem ?? SampleRules.objection(to: labels) {
            return .failure(objection)
        }
        return .success(Series(name, labels.isEmpty ? .none : SampleRules.stored(labels)))
    }
}

struct RawLabels {
    var pairs: [String: String] = [:]
    var problem: Objection?

    init() {}

    init(_ cursor: inout JSONCursor) throws(WireFormatError) {
        if try cursor.takeNull() { return }
        guard try cursor.beginsObject() else {
            problem = Objection(.form, "labels: expected an object")
            return
        }
        var read = (pairs: [String: String](), problem: Objection?.none)
        try cursor.object { (cursor, name) throws(WireFormatError) in
            guard let value = try cursor.optionalString() else {
                read.problem = Objection(.form, "labels: expected strings")
                return
            }
            if read.pairs.updateValue(value, forKey: name) != nil {
                read.problem = Objection(.labels, "label \(name) is given twice")
            }
        }
        (pairs, problem) = read
    }
}

struct RawFrame {
    static let timeForm = "time: expected milliseconds since 1970 or an RFC 3339 time"
    static let noTime = Objection(.time, timeForm)
    static let noValue = Objection(
        .value, "expected a number in the range of a double, null, \"NaN\", \"+Inf\", \"-Inf\" or \"stale\"")

    var time: Timestamp?
    var values: [Double?] = []
    /// Places of values that are none.
    var unreadable: [Int] = []

    init(_ cursor: inout JSONCursor, expected: Int) throws(WireFormatError) {
        guard try cursor.beginsObject() else { return }
        var frame = (time: Timestamp?.none, values: [Double?](), unreadable: [Int]())
        try cursor.object { (cursor, key) throws(WireFormatError) in
            switch key {
            case "time": frame.time = try cursor.time()
            case "values":
                guard try cursor.beginsArray() else { return }
                frame.values.reserveCapacity(expected)
                try cursor.array { (cursor) throws(WireFormatError) in
                    switch try cursor.value() {
                    case .number(let number): frame.values.append(number)
                    case .absent: frame.values.append(nil)
                    case .unreadable:
                        frame.unreadable.append(frame.values.count)
                        frame.values.append(nil)
                    }
                }
            default: try cursor.skip()
            }
        }
        (time, values, unreadable) = frame
    }
}

/// One sample of the simple form.
struct RawItem {
    var host: String?
    var series = RawSeries(name: nil, labels: nil, problem: nil)
    var hasTime = false
    var time: Timestamp?
    var value: Double?

    init(_ cursor: inout JSONCursor) throws(WireFormatError) {
        guard try cursor.beginsObject() else { return }
        var name: String?
        var labels = RawLabels()
        var item = (host: String?.none, hasTime: false, time: Timestamp?.none, value: Double?.none)
        try cursor.object { (cursor, key) throws(WireFormatError) in
            switch key {
            case "host": item.host = try cursor.optionalString()
            case "name": name = try cursor.optionalString()
            case "labels": labels = try RawLabels(&cursor)
            case "time":
                item.hasTime = true
                item.time = try cursor.time()
            case "value":
                item.value = nil
                if case .number(let number) = try cursor.value() { item.value = number }
            default: try cursor.skip()
            }
        }
        (host, hasTime, time, value) = item
        series = RawSeries(name: name, labels: labels.pairs, problem: labels.problem)
    }
}

/// What stands where a value belongs.
enum RawValue {
    case number(Double)
    case absent
    case unreadable
}

extension JSONCursor {
    /// The string that comes next; nil, and past it, where something else does.
    mutating func optionalString() throws(WireFormatError) -> String? {
        guard try peek() == UInt8(ascii: "\"") else {
            try skip()
            return nil
        }
        return try string()
    }

    /// The items of the array that comes next; nil, and past it, where something else does.
    mutating func optionalArray<Item>(
        _ read: (inout JSONCursor) throws(WireFormatError) -> Item
    ) throws(WireFormatError) -> [Item]? {
        guard try beginsArray() else { return nil }
        var items: [Item] = []
        try array { (cursor) throws(WireFormatError) in items.append(try read(&cursor)) }
        return items
    }

    /// Whether an object comes next; where not, what comes is passed over.
    mutating func beginsObject() throws(WireFormatError) -> Bool { try begins(UInt8(ascii: "{")) }

    /// Whether an array comes next; where not, what comes is passed over.
    mutating func beginsArray() throws(WireFormatError) -> Bool { try begins(UInt8(ascii: "[")) }

    private mutating func begins(_ byte: UInt8) throws(WireFormatError) -> Bool {
        if try peek() == byte { return true }
        try skip()
        return false
    }

    /// A value of a series.
    mutating func value() throws(WireFormatError) -> RawValue {
        switch try peek() {
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            let number: Double = try number()
            return number.isFinite ? .number(number) : .unreadable
        case UInt8(ascii: "n"):
            _ = try takeNull()
            return .absent
        case UInt8(ascii: "\""):
            switch try string() {
            case "NaN": return .number(.nan)
            case "+Inf", "Inf": return .number(.infinity)
            case "-Inf": return .number(-.infinity)
            case "stale": return .number(.staleMarker)
            default: return .unreadable
            }
        default:
            try skip()
            return .unreadable
        }
    }

    /// Milliseconds since 1970 as a number, or RFC 3339 as a text; nil where it is neither.
    mutating func time() throws(WireFormatError) -> Timestamp? {
        switch try peek() {
        case UInt8(ascii: "\""): return Timestamp(rfc3339: try string())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            let number: Double = try number()
            // Beyond the year 30,000 either way is no time, and would overflow.
            return number.magnitude < 9e14 ? Timestamp(microseconds: Int64((number * 1000).rounded())) : nil
        default:
            try skip()
            return nil
        }
    }
}
