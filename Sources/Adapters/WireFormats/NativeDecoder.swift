package import Telemetry

/// Reads the native JSON form of `POST /api/v1/metrics`: `docs/reference/metrics.md`.
///
/// Reads the bytes straight into frames: a body is mostly numbers, and a tree of JSON values between them and the frames
/// costs several times what the rest of ingest does.
package enum NativeDecoder {
    /// Where samples that name no producer are filed.
    package static let simpleProducer = "api"
    /// Series and frames of a batch, and simple samples; what goes beyond is refused.
    package static let mostSeries = 20_000
    package static let mostItems = 200_000

    /// Reads a request. What is wrong with a part is a reject of that part; only a body that is no such request throws.
    package static func metrics(
        _ bytes: some Collection<UInt8>, now: Timestamp
    ) throws(WireFormatError) -> DecodedMetrics {
        var cursor = JSONCursor(bytes as? [UInt8] ?? Array(bytes))
        var host: String?
        var batches: [RawBatch]?
        var items: [RawItem]?
        try cursor.object { (cursor, key) throws(WireFormatError) in
            switch key {
            case "host": host = try cursor.optionalString()
            case "batches":
                batches = try cursor.optionalArray { (cursor) throws(WireFormatError) in try RawBatch(&cursor) }
            case "metrics":
                items = try cursor.optionalArray { (cursor) throws(WireFormatError) in try RawItem(&cursor) }
            default: try cursor.skip()
            }
        }
        try cursor.end()
        guard let host, !host.isEmpty else {
            throw WireFormatError(description: "expected an object with the member \"host\"")
        }
        guard batches != nil || items != nil else {
            throw WireFormatError(description: "expected a member \"batches\" or \"metrics\", an array")
        }
        var decoded = DecodedMetrics(host: host)
        for (index, batch) in (batches ?? []).enumerated() {
            take(batch, path: "/batches/\(index)", now: now, into: &decoded)
        }
        if let items { takeSimple(items, now: now, into: &decoded) }
        return decoded
    }

    // MARK: Batches

    private static func take(_ batch: RawBatch, path: String, now: Timestamp, into decoded: inout DecodedMetrics) {
        guard let producer = batch.producer, let series = batch.series else {
            let samples: Int = batch.frames.reduce(0) { $0 + $1.values.count }
            decoded.reject(
                path, samples: samples, Objection(.form, "expected the members \"producer\" and \"series\""))
            return
        }
        if let objection = SampleRules.objection(toName: producer) {
            decoded.reject(
                path, samples: batch.frames.count * series.count,
                Objection(objection.reason, "producer: \(objection)"))
            return
        }
        guard series.count <= mostSeries, batch.frames.count <= mostItems else {
            decoded.reject(
                path, samples: batch.frames.count * series.count,
                Objection(
                    .size,
                    "\(series.count) series and \(batch.frames.count) frames; at most \(mostSeries) and \(mostItems) "
                        + "are read at once"))
            return
        }
        let columns: [Series?] = accepted(series, frames: batch.frames.count, path: path, into: &decoded)
        let kept: [Int] = columns.indices.filter { columns[$0] != nil }
        var table = FrameTable(width: kept.count, capacity: batch.frames.count)
        for (index, raw) in batch.frames.enumerated() {
            let width: Int = columns.count
            if let objection = objection(to: raw, width: width, now: now) {
                decoded.reject("\(path)/frames/\(index)", samples: max(raw.values.count, 1), objection)
                continue
            }
            for place in raw.unreadable where columns[place] != nil {
                decoded.reject("\(path)/frames/\(index)/values/\(place)", samples: 1, RawFrame.noValue)
            }
            let values: [Double?] = kept.count == width ? raw.values : kept.map { raw.values[$0] }
            table.append(values, at: raw.time ?? now)
        }
        guard table.width > 0, !table.times.isEmpty else { return }
        decoded.accept(
            FrameWrite(
                source: Source(host: decoded.host, producer: producer), series: columns.compactMap { $0 }, table: table),
            at: path)
    }

    /// The series of a batch; nil where one is refused, whose column is then left out of every frame.
    private static func accepted(
        _ items: [RawSeries], frames: Int, path: String, into decoded: inout DecodedMetrics
    ) -> [Series?] {
        var seen: Set<Series> = []
        seen.reserveCapacity(items.count)
        var columns: [Series?] = []
        columns.reserveCapacity(items.count)
        for (index, item) in items.enumerated() {
            switch item.checked {
            case .success(let series) where seen.insert(series).inserted: columns.append(series)
            case .success(let series):
                decoded.reject(
                    "\(path)/series/\(index)", samples: frames, Objection(.twice, "\(series) is listed twice"))
                columns.append(nil)
            case .failure(let error):
                decoded.reject("\(path)/series/\(index)", samples: frames, error)
                columns.append(nil)
            }
        }
        return columns
    }

    private static func objection(to frame: RawFrame, width: Int, now: Timestamp) -> Objection? {
        guard frame.values.count == width else {
            return Objection(.form, "\(frame.values.count) values for \(width) series")
        }
        guard let time = frame.time else { return RawFrame.noTime }
        return SampleRules.objection(to: time, now: now)
    }

    // MARK: The simple form

    private struct Item {
        var series: Series
        var time: Timestamp
        var value: Double
    }

    /// One object per sample, for clients that are a line of shell. Samples of one instant share a frame.
    private static func takeSimple(_ items: [RawItem], now: Timestamp, into decoded: inout DecodedMetrics) {
        // By instant first: a batch over all series and instants of the request would be mostly holes, and square.
        var instants: [Timestamp: [Series: Double]] = [:]
        for (index, raw) in items.enumerated() {
            guard index < mostItems else {
                decoded.reject(
                    "/metrics", samples: items.count - index,
                    Objection(.size, "at most \(mostItems) samples are read at once"))
                break
            }
            switch item(raw, host: decoded.host, now: now) {
            case .success(let item): instants[item.time, default: [:]][item.series] = item.value
            case .failure(let error): decoded.reject("/metrics/\(index)", samples: 1, error)
            }
        }
        var batches: [[Series]: [Frame]] = [:]
        for (time, values) in instants {
            let series: [Series] = values.keys.sorted()
            batches[series, default: []].append(Frame(time: time, values: series.map { values[$0] }))
        }
        let source = Source(host: decoded.host, producer: simpleProducer)
        let sorted: [FrameBatch] = batches.map { series, frames in
            FrameBatch(source: source, series: series, frames: frames.sorted { $0.time < $1.time })
        }.sorted { left, right in
            let times: (Timestamp, Timestamp) = (left.frames.first?.time ?? now, right.frames.first?.time ?? now)
            return times.0 != times.1 ? times.0 < times.1 : left.series.lexicographicallyPrecedes(right.series)
        }
        for batch in sorted { decoded.accept(FrameWrite(batch), at: "/metrics") }
    }

    private static func item(_ raw: RawItem, host: String, now: Timestamp) -> Result<Item, Objection> {
        if let named = raw.host, named != host {
            return .failure(Objection(.host, "the sample is of host \"\(named)\", the request of \"\(host)\""))
        }
        guard let number = raw.value else { return .failure(Objection(.value, "value: expected a number")) }
        // Without a time it is now, as with a line of shell.
        guard let time = raw.hasTime ? raw.time : now else {
            return .failure(RawFrame.noTime)
        }
        if let objection = SampleRules.objection(to: time, now: now) { return .failure(objection) }
        return raw.series.checked.map { Item(series: $0, time: time, value: number) }
    }
}
