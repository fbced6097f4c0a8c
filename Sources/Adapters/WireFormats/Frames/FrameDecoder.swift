package import Declarations
import FrameFormat
package import Telemetry

/// Reads the compact form of `POST /api/v1/metrics`: `docs/formats/frames.md`.
package enum FrameDecoder {
    /// Reads a body. What is wrong with a part is a reject of that part; a batch whose layout nobody defined is left out
    /// and its layout listed in ``DecodedMetrics/unknownLayouts``; so is one that is told from a frame which is not here.
    /// Only a body that is not of the form throws.
    package static func metrics(
        _ body: [UInt8], layouts: LayoutCatalog, sha256: SHA256Function, now: Timestamp
    ) throws(WireFormatError) -> DecodedMetrics {
        let request: FrameRequest
        do { request = try FrameRequest(body, sha256: sha256, references: layouts.reference) } catch {
            throw WireFormatError(description: error.description)
        }
        guard !request.host.isEmpty else { throw WireFormatError(description: "the host is empty") }
        for (hash, definition) in request.definitions where layouts[hash] == nil {
            do { layouts.remember(try CheckedLayout(definition), hash) } catch {
                throw WireFormatError(description: "definition \(hash): \(error)")
            }
        }
        var decoded = DecodedMetrics(host: request.host)
        decoded.unknownReferences = request.unknownReferences
        for (index, batch) in request.batches.enumerated() {
            guard let layout = layouts[batch.layout] else {
                if !decoded.unknownLayouts.contains(batch.layout) { decoded.unknownLayouts.append(batch.layout) }
                continue
            }
            if let kept = batch.kept { decoded.kept.append(kept) }
            take(batch, layout, path: "/batches/\(index)", now: now, into: &decoded)
        }
        return decoded
    }

    private static func take(
        _ batch: FrameRequest.Batch, _ layout: CheckedLayout, path: String, now: Timestamp,
        into decoded: inout DecodedMetrics
    ) {
        var table: FrameTable = batch.table
        guard table.width == layout.width else {
            decoded.reject(
                path, samples: table.sampleCount,
                Objection(.form, "\(table.width) values a frame for a layout of \(layout.width)"))
            return
        }
        if let objection = SampleRules.objection(toName: batch.producer) {
            decoded.reject(
                path, samples: table.sampleCount, Objection(objection.reason, "producer: \(objection)"))
            return
        }
        if let columns = layout.columns {
            for (column, objection) in layout.refused {
                let samples: Int = table.keeping(columns: [column]).sampleCount
                if samples > 0 { decoded.reject("\(path)/series/\(column)", samples: samples, objection) }
            }
            table = table.keeping(columns: columns)
        }
        let rows: [Int] = accepted(table, path: path, now: now, into: &decoded)
        if rows.count < table.times.count { table = table.keeping(rows: rows) }
        guard table.width > 0, !table.times.isEmpty else { return }
        decoded.accept(
            FrameWrite(
                source: Source(host: decoded.host, producer: batch.producer), series: layout.series, name: batch.layout,
                table: table), at: path)
    }

    /// The frames whose time is in the window.
    private static func accepted(
        _ table: FrameTable, path: String, now: Timestamp, into decoded: inout DecodedMetrics
    ) -> [Int] {
        var rows: [Int] = []
        rows.reserveCapacity(table.times.count)
        for (row, time) in table.times.enumerated() {
            if let objection = SampleRules.objection(to: time, now: now) {
                let samples: Int = table.keeping(rows: [row]).sampleCount
                decoded.reject("\(path)/frames/\(row)", samples: max(samples, 1), objection)
            } else {
                rows.append(row)
            }
        }
        return rows
    }
}
