package import Declarations
package import Telemetry

/// Writes the native JSON form of `POST /api/v1/metrics`.
package enum NativeEncoder {
    /// The body that carries `batches`, which are all of one host. Times are milliseconds since 1970; values that JSON
    /// has no number for are the strings `NaN`, `+Inf` and `-Inf`, the end of a series is `stale`, and a series that is
    /// absent from a frame is null.
    package static func metrics(host: String, batches: [FrameBatch]) -> [UInt8] {
        let body: JSONValue = ["host": .string(host), "batches": .array(batches.map(json(of:)))]
        return body.canonical
    }

    /// One batch, without its host.
    package static func json(of batch: FrameBatch) -> JSONValue {
        [
            "producer": .string(batch.source.producer), "series": .array(batch.series.map(json(of:))),
            "frames": .array(
                batch.frames.map { frame in
                    ["time": .integer(frame.time.milliseconds), "values": .array(frame.values.map(json(of:)))]
                }),
        ]
    }

    private static func json(of series: Series) -> JSONValue {
        .object(compacting: [
            "name": .string(series.name), "labels": series.labels.isEmpty ? nil : series.labels.dictionary.json,
        ])
    }

    private static func json(of value: Double?) -> JSONValue {
        guard let value else { return .null }
        if value.isFinite { return .number(value) }
        if value.isStaleMarker { return "stale" }
        return value.isNaN ? "NaN" : value < 0 ? "-Inf" : "+Inf"
    }
}
