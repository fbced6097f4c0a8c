package import Telemetry

/// Writes bodies.
package enum FrameRequestEncoder {
    package static func body(
        host: String, definitions: [LayoutDefinition], batches: [(batch: FrameBatch, layout: LayoutHash)]
    ) -> [UInt8] {
        var writer = ByteWriter()
        writer.write(FrameFormat.magic)
        writer.writeText(host)
        writer.writeNumber(definitions.count)
        for definition in definitions {
            writer.writeNumber(definition.bytes.count)
            writer.write(definition.bytes)
        }
        writer.writeNumber(batches.count)
        for (batch, layout) in batches {
            writer.writeText(batch.source.producer)
            writer.write(layout)
            writer.writeNumber(batch.series.count)
            let content: [UInt8] = content(FrameTable(batch))
            writer.writeNumber(content.count)
            writer.write(content)
        }
        return writer.bytes
    }

    private static func content(_ table: FrameTable) -> [UInt8] {
        var writer = ByteWriter()
        writer.writeNumber(table.times.count)
        var (time, step): (Int64, Int64) = (0, 0)
        for (index, instant) in table.times.enumerated() {
            let difference: Int64 = instant.microseconds &- time
            writer.writeSigned(index < 1 ? difference : difference &- step)
            if index > 0 { step = difference }
            time = instant.microseconds
        }
        writer.write(ColumnEncoder(table).bytes)
        return writer.bytes
    }
}
