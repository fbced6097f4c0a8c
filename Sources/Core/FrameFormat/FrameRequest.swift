package import Telemetry

/// A body of the compact form, read: nothing of it is checked but that it is of the form.
package struct FrameRequest: Sendable {
    package var host: String
    /// The definitions that came along, by what they hash to.
    package var definitions: [LayoutHash: LayoutDefinition]
    package var batches: [Batch]
    /// Frames that batches are told from and that are not here: those batches could not be read.
    package var unknownReferences: [UInt64] = []

    /// Frames of one source that share a layout.
    package struct Batch: Sendable {
        package var producer: String
        package var layout: LayoutHash
        package var table: FrameTable
        /// What the sender tells its next frame from, once it knows that this one was stored.
        package var kept: KeptFrame?
    }

    /// A frame to be kept, and which one it was told from itself.
    package struct KeptFrame: Sendable {
        package var frame: ReferenceFrame
        package var before: UInt64?
    }

    /// The frame of a host that is named so, where it was kept.
    package typealias References = (_ host: String, _ id: UInt64) -> ReferenceFrame?
}

extension FrameRequest {
    /// Reads a body. Throws where it is not of the form as a whole: nothing is guessed after the first mistake.
    package init(
        _ body: [UInt8], sha256: ([UInt8]) -> [UInt8], mostValues: Int = FrameFormat.mostValues,
        references: References = { _, _ in nil }
    ) throws(FrameFormatError) {
        let outcome: Result<FrameRequest, FrameFormatError> = body.withUnsafeBytes { memory in
            do throws(FrameFormatError) {
                return .success(try Self.read(ByteReader(memory), sha256, mostValues, references))
            } catch { return .failure(error) }
        }
        self = try outcome.get()
    }

    private static func read(
        _ whole: ByteReader, _ sha256: ([UInt8]) -> [UInt8], _ mostValues: Int, _ references: References
    ) throws(FrameFormatError) -> FrameRequest {
        var reader: ByteReader = whole
        for byte in FrameFormat.magic {
            guard try reader.byte() == byte else { throw .at(0, "not a body of frames") }
        }
        guard let version = FrameFormat.Version(rawValue: try reader.byte()) else {
            throw .at(2, "a body of frames of another version than 1 and 2")
        }
        guard let host = try reader.text() else { throw reader.failure("the host is no UTF-8") }
        var request = FrameRequest(host: host, definitions: [:], batches: [])
        let definitions: Int = try reader.count(atMost: reader.remaining, "definitions")
        for _ in 0..<definitions {
            let length: Int = try reader.count(atMost: reader.remaining, "bytes of a definition")
            let definition = LayoutDefinition(bytes: try reader.part(length).content)
            request.definitions[LayoutHash(definition.bytes, sha256: sha256)] = definition
        }
        let batches: Int = try reader.count(atMost: reader.remaining, "batches")
        var values: Int = mostValues
        for _ in 0..<batches {
            let flags: UInt8 = version == .plain ? 0 : try reader.byte()
            guard flags <= FrameFormat.BatchFlag.refers | FrameFormat.BatchFlag.isKept else {
                throw reader.failure("unknown flags of a batch")
            }
            let head: BatchHead? = try head(&reader, flags, host: host, references, &request)
            let length: Int = try reader.count(atMost: reader.remaining, "bytes of frames")
            let part: ByteReader = try reader.part(length)
            guard let head else { continue }
            let batch: Batch = try batch(part, head, isKept: flags & FrameFormat.BatchFlag.isKept != 0, values)
            values -= batch.table.values.count
            request.batches.append(batch)
        }
        guard reader.remaining == 0 else { throw reader.failure("bytes after the last batch") }
        return request
    }

    private struct BatchHead {
        var source: Source
        var layout: LayoutHash
        var width: Int
        var reference: ReferenceFrame?
    }

    /// What stands before a batch's frames; nil where it is told from a frame that is not here.
    private static func head(
        _ reader: inout ByteReader, _ flags: UInt8, host: String, _ references: References,
        _ request: inout FrameRequest
    ) throws(FrameFormatError) -> BatchHead? {
        guard flags & FrameFormat.BatchFlag.refers != 0 else {
            guard let producer = try reader.text() else { throw reader.failure("a producer is no UTF-8") }
            let layout: LayoutHash = try reader.hash()
            let width: Int = try reader.count(atMost: FrameFormat.mostSeries, "series")
            return BatchHead(source: Source(host: host, producer: producer), layout: layout, width: width)
        }
        let id: UInt64 = try reader.bits(8, shift: 0)
        guard let known = references(host, id), known.source.host == host else {
            if !request.unknownReferences.contains(id) { request.unknownReferences.append(id) }
            return nil
        }
        return BatchHead(source: known.source, layout: known.layout, width: known.values.count, reference: known)
    }

    private static func batch(
        _ whole: ByteReader, _ head: BatchHead, isKept: Bool, _ mostValues: Int
    ) throws(FrameFormatError) -> Batch {
        var reader: ByteReader = whole
        let height: Int = try reader.count(atMost: reader.remaining, "frames")
        guard head.width * height <= mostValues else {
            throw reader.failure("\(head.width) series in \(height) frames; a request holds too many values")
        }
        let times: [Timestamp] = try times(&reader, height, head.reference)
        let (values, forms) = try ColumnDecoder.values(
            reader, width: head.width, height: height, reference: head.reference)
        let table = FrameTable(width: head.width, times: times, values: values)
        var batch = Batch(producer: head.source.producer, layout: head.layout, table: table)
        if isKept {
            batch.kept = ReferenceFrame(
                lastOf: table, source: head.source, layout: head.layout, forms: forms, before: head.reference
            ).map { KeptFrame(frame: $0, before: head.reference?.id) }
        }
        return batch
    }

    /// In microseconds since 1970: differences of differences, the first of them from the reference, or from 1970.
    private static func times(
        _ reader: inout ByteReader, _ count: Int, _ reference: ReferenceFrame?
    ) throws(FrameFormatError) -> [Timestamp] {
        var times: [Timestamp] = []
        times.reserveCapacity(count)
        var clock = FrameClock(reference)
        for _ in 0..<count { times.append(Timestamp(microseconds: clock.time(after: try reader.signed()))) }
        return times
    }
}

/// Times as they are written: each as the difference of its distance to the one before and the distance before that.
struct FrameClock {
    private var last: Int64
    private var step: Int64
    /// Whether the next time is the first of all, whose distance is none that another is told from.
    private var isFirst: Bool

    init(_ reference: ReferenceFrame?) {
        last = reference?.time.microseconds ?? 0
        step = reference?.step ?? 0
        isFirst = reference == nil
    }

    mutating func time(after number: Int64) -> Int64 {
        let distance: Int64 = step &+ number
        last &+= distance
        step = isFirst ? 0 : distance
        isFirst = false
        return last
    }

    mutating func number(for time: Int64) -> Int64 {
        let distance: Int64 = time &- last
        defer {
            last = time
            step = isFirst ? 0 : distance
            isFirst = false
        }
        return distance &- step
    }
}
