package import Telemetry

/// A body of the compact form, read: nothing of it is checked but that it is of the form.
package struct FrameRequest: Sendable {
    package var host: String
    /// The definitions that came along, by what they hash to.
    package var definitions: [LayoutHash: LayoutDefinition]
    package var batches: [Batch]

    /// Frames of one source that share a layout.
    package struct Batch: Sendable {
        package var producer: String
        package var layout: LayoutHash
        package var table: FrameTable
    }
}

extension FrameRequest {
    /// Reads a body. Throws where it is not of the form as a whole: nothing is guessed after the first mistake.
    package init(
        _ body: [UInt8], sha256: ([UInt8]) -> [UInt8], mostValues: Int = FrameFormat.mostValues
    ) throws(FrameFormatError) {
        let outcome: Result<FrameRequest, FrameFormatError> = body.withUnsafeBytes { memory in
            do throws(FrameFormatError) {
                return .success(try Self.read(ByteReader(memory), sha256, mostValues))
            } catch { return .failure(error) }
        }
        self = try outcome.get()
    }

    private static func read(
        _ whole: ByteReader, _ sha256: ([UInt8]) -> [UInt8], _ mostValues: Int
    ) throws(FrameFormatError) -> FrameRequest {
        var reader: ByteReader = whole
        for byte in FrameFormat.magic {
            guard try reader.byte() == byte else { throw .at(0, "not a body of frames, version 1") }
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
            let batch: Batch = try batch(&reader, mostValues: values)
            values -= batch.table.values.count
            request.batches.append(batch)
        }
        guard reader.remaining == 0 else { throw reader.failure("bytes after the last batch") }
        return request
    }

    private static func batch(_ reader: inout ByteReader, mostValues: Int) throws(FrameFormatError) -> Batch {
        guard let producer = try reader.text() else { throw reader.failure("a producer is no UTF-8") }
        let layout: LayoutHash = try reader.hash()
        let width: Int = try reader.count(atMost: FrameFormat.mostSeries, "series")
        let length: Int = try reader.count(atMost: reader.remaining, "bytes of frames")
        var part: ByteReader = try reader.part(length)
        let height: Int = try part.count(atMost: part.remaining, "frames")
        guard width * height <= mostValues else {
            throw part.failure("\(width) series in \(height) frames; a request holds too many values")
        }
        let times: [Timestamp] = try times(&part, height)
        let values: [Double] = try ColumnDecoder.values(part, width: width, height: height)
        return Batch(
            producer: producer, layout: layout, table: FrameTable(width: width, times: times, values: values))
    }

    /// The first in microseconds since 1970, then differences of differences.
    private static func times(_ reader: inout ByteReader, _ count: Int) throws(FrameFormatError) -> [Timestamp] {
        var times: [Timestamp] = []
        times.reserveCapacity(count)
        var (time, step): (Int64, Int64) = (0, 0)
        for index in 0..<count {
            let number: Int64 = try reader.signed()
            if index == 0 {
                time = number
            } else {
                step &+= number
                time &+= step
            }
            times.append(Timestamp(microseconds: time))
        }
        return times
    }
}
