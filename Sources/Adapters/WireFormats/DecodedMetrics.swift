package import Declarations
package import Telemetry

/// What a metrics request holds once everything that cannot be stored is taken out.
package struct DecodedMetrics: Sendable {
    /// The host that the request names; the caller compares it with the credential's.
    package var host: String
    /// What is to be stored.
    package var writes: [FrameWrite]
    /// Layouts that the sender has to define; the frames that they are of were left out.
    package var unknownLayouts: [LayoutHash] = []
    /// Samples refused; `rejects` says why, for the first of them.
    package var rejectedSamples: Int
    package var rejects: [Reject]

    /// What is to be stored, for callers that do not count nanoseconds.
    package var batches: [FrameBatch] {
        writes.map { FrameBatch(source: $0.source, series: $0.series, frames: $0.table.frames) }
    }

    /// More reasons than these would repeat themselves.
    static let mostReasons = 50

    /// One thing of the request that is not stored: the rest is.
    package struct Reject: Hashable, Sendable {
        /// JSON Pointer into the request.
        package var path: String
        package var reason: String

        package var json: JSONValue { ["path": .string(path), "reason": .string(reason)] }
    }

    init(host: String) {
        self.host = host
        writes = []
        rejectedSamples = 0
        rejects = []
    }

    mutating func reject(_ path: String, samples: Int, _ reason: String) {
        rejectedSamples += samples
        if rejects.count < Self.mostReasons { rejects.append(Reject(path: path, reason: reason)) }
    }
}

/// Why a request cannot be read at all.
package struct WireFormatError: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String
}
