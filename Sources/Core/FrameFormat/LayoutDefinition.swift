package import Telemetry

/// An ordered list of series as it is written; its hash is the list's name.
package struct LayoutDefinition: Hashable, Sendable {
    package let bytes: [UInt8]

    package init(_ series: [Series]) {
        var writer = ByteWriter()
        writer.writeNumber(series.count)
        for one in series {
            writer.writeText(one.name)
            writer.writeNumber(one.labels.pairs.count)
            for pair in one.labels.pairs {
                writer.writeText(pair.name)
                writer.writeText(pair.value)
            }
        }
        bytes = writer.bytes
    }

    init(bytes: [UInt8]) { self.bytes = bytes }

    /// One series as it was sent: nothing about it is checked but that it can be told where it ends.
    package struct Entry: Hashable, Sendable {
        /// Nil where it is no UTF-8.
        package var name: String?
        package var labels: [(name: String?, value: String?)]

        package static func == (left: Entry, right: Entry) -> Bool {
            left.name == right.name && left.labels.elementsEqual(right.labels) { $0 == $1 }
        }
        package func hash(into hasher: inout Hasher) { hasher.combine(name) }

        /// As a series, where the names and values are texts and each label is there once.
        package var series: Series? {
            guard let name else { return nil }
            var dictionary: [String: String] = [:]
            for label in labels {
                guard let labelName = label.name, let value = label.value,
                    dictionary.updateValue(value, forKey: labelName) == nil
                else { return nil }
            }
            return Series(name, Labels(dictionary))
        }
    }

    /// The series in their order.
    package func entries() throws(FrameFormatError) -> [Entry] {
        let outcome: Result<[Entry], FrameFormatError> = bytes.withUnsafeBytes { memory in
            do throws(FrameFormatError) { return .success(try Self.entries(ByteReader(memory))) } catch {
                return .failure(error)
            }
        }
        return try outcome.get()
    }

    private static func entries(_ whole: ByteReader) throws(FrameFormatError) -> [Entry] {
        var reader: ByteReader = whole
        // Each series takes two bytes at least, each label two.
        let count: Int = try reader.count(atMost: min(FrameFormat.mostSeries, reader.remaining / 2), "series")
        var entries: [Entry] = []
        entries.reserveCapacity(count)
        for _ in 0..<count {
            var entry = Entry(name: try reader.text(), labels: [])
            let labels: Int = try reader.count(atMost: reader.remaining / 2, "labels")
            for _ in 0..<labels { entry.labels.append((try reader.text(), try reader.text())) }
            entries.append(entry)
        }
        guard reader.remaining == 0 else { throw reader.failure("bytes after the last series") }
        return entries
    }
}
