import Declarations
import Telemetry

/// One segment, as the spool remembers it without reading it.
struct SpoolSegment: Hashable, Sendable {
    var number: Int
    var bytes = 0
    /// Frames that did not come to an end yet.
    var pending = SequenceSet()
    /// Samples of them.
    var samples = 0
    /// The time of the newest frame; nil before the first.
    var newest: Timestamp?

    init(number: Int) { self.number = number }
}

/// What a spool knows at the beginning of a segment: with it the segments before need not be read.
struct SpoolCheckpoint: Hashable, Sendable, JSONCodable {
    var ledger: DeliveryLedger
    var nextSequence: UInt64
    var segments: [SpoolSegment]

    init(ledger: DeliveryLedger, nextSequence: UInt64, segments: [SpoolSegment]) {
        self.ledger = ledger
        self.nextSequence = nextSequence
        self.segments = segments
    }

    init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        ledger = try reader.value("ledger")
        nextSequence = UInt64(clamping: try reader.integer("next"))
        segments = []
        for item in try reader.array("segments") {
            let entry = try JSONObjectReader(item, path: "/segments")
            var segment = SpoolSegment(number: try entry.integer("number"))
            segment.bytes = try entry.integer("bytes")
            segment.pending = try SequenceSet(json: try entry.required("pending"))
            segment.samples = try entry.integer("samples")
            segment.newest = try entry.optionalInteger("newest").map { Timestamp(microseconds: Int64($0)) }
            segments.append(segment)
        }
    }

    var json: JSONValue {
        [
            "ledger": ledger.json, "next": .integer(Int(clamping: nextSequence)),
            "segments": .array(
                segments.map { segment in
                    .object(compacting: [
                        "number": .integer(segment.number), "bytes": .integer(segment.bytes),
                        "pending": segment.pending.json, "samples": .integer(segment.samples),
                        "newest": segment.newest.map { .integer(Int($0.microseconds)) },
                    ])
                }),
        ]
    }
}
