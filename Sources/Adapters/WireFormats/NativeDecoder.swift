import Declarations
package import Telemetry

/// Reads the native JSON form of `POST /api/v1/metrics`: `docs/reference/metrics.md`.
package enum NativeDecoder {
    /// Where samples that name no producer are filed.
    package static let simpleProducer = "api"

    /// Reads a request. What is wrong with a part is a reject of that part; only a body that is no such request throws.
    package static func metrics(
        _ bytes: some Collection<UInt8>, now: Timestamp
    ) throws(WireFormatError) -> DecodedMetrics {
        let json: JSONValue
        do { json = try JSONValue(parsing: bytes) } catch { throw WireFormatError(description: "not JSON: \(error)") }
        guard case .object(let members) = json, let host = members["host"]?.string, !host.isEmpty else {
            throw WireFormatError(description: "expected an object with the member \"host\"")
        }
        guard members["batches"]?.array != nil || members["metrics"]?.array != nil else {
            throw WireFormatError(description: "expected a member \"batches\" or \"metrics\", an array")
        }
        var decoded = DecodedMetrics(host: host)
        for (index, batch) in (members["batches"]?.array ?? []).enumerated() {
            read(batch, path: "/batches/\(index)", now: now, into: &decoded)
        }
        if let items = members["metrics"]?.array { readSimple(items, now: now, into: &decoded) }
        return decoded
    }

    // MARK: Batches

    private static func read(_ batch: JSONValue, path: String, now: Timestamp, into decoded: inout DecodedMetrics) {
        let frames: [JSONValue] = batch["frames"]?.array ?? []
        guard let producer = batch["producer"]?.string, let series = batch["series"]?.array else {
            let samples: Int = frames.reduce(0) { $0 + ($1["values"]?.array?.count ?? 0) }
            decoded.reject(path, samples: samples, "expected the members \"producer\" and \"series\"")
            return
        }
        if let objection = SampleRules.objection(toName: producer) {
            decoded.reject(path, samples: frames.count * series.count, "producer: \(objection)")
            return
        }
        let columns: [Series?] = readSeries(series, frames: frames.count, path: path, into: &decoded)
        let kept: [Int] = columns.indices.filter { columns[$0] != nil }
        var result = FrameBatch(
            source: Source(host: decoded.host, producer: producer), series: columns.compactMap { $0 }, frames: [])
        for (index, frame) in frames.enumerated() {
            let place = "\(path)/frames/\(index)"
            if let frame = readFrame(frame, width: columns.count, kept: kept, path: place, now: now, into: &decoded) {
                result.frames.append(frame)
            }
        }
        if !result.series.isEmpty, !result.frames.isEmpty { decoded.batches.append(result) }
    }

    /// The series of a batch; nil where one is refused, whose column is then left out of every frame.
    private static func readSeries(
        _ items: [JSONValue], frames: Int, path: String, into decoded: inout DecodedMetrics
    ) -> [Series?] {
        var seen: Set<Series> = []
        var columns: [Series?] = []
        columns.reserveCapacity(items.count)
        for (index, item) in items.enumerated() {
            let result: Result<Series, WireFormatError> = series(item)
            switch result {
            case .success(let series) where seen.insert(series).inserted: columns.append(series)
            case .success(let series):
                decoded.reject("\(path)/series/\(index)", samples: frames, "\(series) is listed twice")
                columns.append(nil)
            case .failure(let error):
                decoded.reject("\(path)/series/\(index)", samples: frames, error.description)
                columns.append(nil)
            }
        }
        return columns
    }

    private static func series(_ item: JSONValue) -> Result<Series, WireFormatError> {
        guard let name = item["name"]?.string else {
            return .failure(.init(description: "expected the member \"name\""))
        }
        if let objection = SampleRules.objection(toName: name) { return .failure(.init(description: objection)) }
        guard let members = item["labels"]?.object else {
            return item["labels"] == nil
                ? .success(Series(name)) : .failure(.init(description: "labels: expected an object"))
        }
        let labels: [String: String] = members.compactMapValues(\.string)
        guard labels.count == members.count else { return .failure(.init(description: "labels: expected strings")) }
        if let objection = SampleRules.objection(to: labels) { return .failure(.init(description: objection)) }
        return .success(Series(name, SampleRules.stored(labels)))
    }

    private static func readFrame(
        _ frame: JSONValue, width: Int, kept: [Int], path: String, now: Timestamp, into decoded: inout DecodedMetrics
    ) -> Frame? {
        let values: [JSONValue] = frame["values"]?.array ?? []
        guard values.count == width else {
            decoded.reject(path, samples: values.count, "\(values.count) values for \(width) series")
            return nil
        }
        guard let time = frame["time"].flatMap(self.time) else {
            decoded.reject(path, samples: width, "time: expected milliseconds since 1970 or an RFC 3339 time")
            return nil
        }
        if let objection = SampleRules.objection(to: time, now: now) {
            decoded.reject(path, samples: width, objection)
            return nil
        }
        var numbers: [Double?] = []
        numbers.reserveCapacity(kept.count)
        for column in kept {
            switch value(values[column]) {
            case .some(let number): numbers.append(number)
            case .none:
                decoded.reject(
                    "\(path)/values/\(column)", samples: 1, "expected a number, null, \"NaN\", \"+Inf\" or \"-Inf\"")
                numbers.append(nil)
            }
        }
        return Frame(time: time, values: numbers)
    }

    // MARK: Values

    private static func time(_ json: JSONValue) -> Timestamp? {
        switch json {
        // Beyond the year 30,000 either way is no time, and would overflow.
        case .number(let number) where number.magnitude < 9e14:
            Timestamp(microseconds: Int64((number * 1000).rounded()))
        case .string(let text): Timestamp(rfc3339: text)
        default: nil
        }
    }

    /// Nil where it is no value at all; `.some(nil)` where the series is absent.
    private static func value(_ json: JSONValue) -> Double?? {
        switch json {
        case .number(let number): .some(number)
        case .null: .some(nil)
        case .string("NaN"): .some(.nan)
        case .string("+Inf"), .string("Inf"): .some(.infinity)
        case .string("-Inf"): .some(-.infinity)
        default: nil
        }
    }

    // MARK: The simple form

    private struct Item {
        var series: Series
        var time: Timestamp
        var value: Double
    }

    /// One object per sample, for clients that are a line of shell. Samples of one instant share a frame.
    private static func readSimple(_ items: [JSONValue], now: Timestamp, into decoded: inout DecodedMetrics) {
        var accepted: [Item] = []
        for (index, json) in items.enumerated() {
            switch item(json, host: decoded.host, now: now) {
            case .success(let item): accepted.append(item)
            case .failure(let error): decoded.reject("/metrics/\(index)", samples: 1, error.description)
            }
        }
        // By instant first: a batch over all series and instants of the request would be mostly holes, and square.
        var instants: [Timestamp: [Series: Double]] = [:]
        for item in accepted { instants[item.time, default: [:]][item.series] = item.value }
        var batches: [[Series]: [Frame]] = [:]
        for (time, values) in instants {
            let series: [Series] = values.keys.sorted()
            batches[series, default: []].append(Frame(time: time, values: series.map { values[$0] }))
        }
        let source = Source(host: decoded.host, producer: simpleProducer)
        decoded.batches += batches.map { series, frames in
            FrameBatch(source: source, series: series, frames: frames.sorted { $0.time < $1.time })
        }.sorted { ($0.frames.first?.time ?? now) < ($1.frames.first?.time ?? now) }
    }

    private static func item(_ json: JSONValue, host: String, now: Timestamp) -> Result<Item, WireFormatError> {
        if let named = json["host"]?.string, named != host {
            return .failure(.init(description: "the sample is of host \"\(named)\", the request of \"\(host)\""))
        }
        guard let number = json["value"].flatMap(value), let number else {
            return .failure(.init(description: "value: expected a number"))
        }
        // Without a time it is now, as with a line of shell.
        guard let time = json["time"].map(time) ?? now else {
            return .failure(.init(description: "time: expected milliseconds since 1970 or an RFC 3339 time"))
        }
        if let objection = SampleRules.objection(to: time, now: now) { return .failure(.init(description: objection)) }
        return series(json).map { Item(series: $0, time: time, value: number) }
    }
}
