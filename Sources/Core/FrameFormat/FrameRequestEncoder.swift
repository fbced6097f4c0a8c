package import Telemetry

/// Writes bodies.
package enum FrameRequestEncoder {
    /// A batch as it is to be written.
    struct Item {
        var batch: FrameBatch
        var layout: LayoutHash
        var reference: ReferenceFrame?
        /// Whether the reader is to keep the last frame as a reference.
        var isKept = false
    }

    /// A body of version 1, which needs nothing from the reader but its layouts.
    package static func body(
        host: String, definitions: [LayoutDefinition], batches: [(batch: FrameBatch, layout: LayoutHash)]
    ) -> [UInt8] {
        body(host, definitions, batches.map { Item(batch: $0.batch, layout: $0.layout) }, .plain).bytes
    }

    /// A body, and the frames that its reader keeps.
    static func body(
        _ host: String, _ definitions: [LayoutDefinition], _ items: [Item], _ version: FrameFormat.Version
    ) -> (bytes: [UInt8], kept: [ReferenceFrame]) {
        var kept: [ReferenceFrame] = []
        var writer = ByteWriter()
        writer.write(FrameFormat.magic)
        writer.write(version.rawValue)
        writer.writeText(host)
        writer.writeNumber(definitions.count)
        for definition in definitions {
            writer.writeNumber(definition.bytes.count)
            writer.write(definition.bytes)
        }
        writer.writeNumber(items.count)
        for item in items {
            if version == .referring {
                let refers: UInt8 = item.reference == nil ? 0 : FrameFormat.BatchFlag.refers
                writer.write(refers | (item.isKept ? FrameFormat.BatchFlag.isKept : 0))
            }
            if let reference = item.reference {
                writer.writeWord(reference.id)
            } else {
                writer.writeText(item.batch.source.producer)
                writer.write(item.layout)
                writer.writeNumber(item.batch.series.count)
            }
            let table = FrameTable(item.batch)
            let (content, forms): ([UInt8], [ColumnForm]) = content(table, item.reference)
            writer.writeNumber(content.count)
            writer.write(content)
            guard item.isKept else { continue }
            let source = Source(host: host, producer: item.batch.source.producer)
            ReferenceFrame(lastOf: table, source: source, layout: item.layout, forms: forms, before: item.reference)
                .map { kept.append($0) }
        }
        return (writer.bytes, kept)
    }

    private static func content(_ table: FrameTable, _ reference: ReferenceFrame?) -> ([UInt8], [ColumnForm]) {
        var writer = ByteWriter()
        writer.writeNumber(table.times.count)
        var clock = FrameClock(reference)
        for instant in table.times { writer.writeSigned(clock.number(for: instant.microseconds)) }
        let columns = ColumnEncoder(table, reference: reference)
        writer.write(columns.bytes)
        return (writer.bytes, columns.forms)
    }
}
