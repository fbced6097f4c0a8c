package import Declarations
package import FrameFormat
package import Telemetry

/// What a metrics request holds once everything that cannot be stored is taken out.
package struct DecodedMetrics: Sendable {
    /// The host that the request names; the caller compares it with the credential's.
    package var host: String
    /// What is to be stored.
    package private(set) var writes: [FrameWrite]
    /// For each of `writes` where it stands in the request: a JSON Pointer.
    private var paths: [String] = []
    /// Layouts that the sender has to define; the frames that they are of were left out.
    package var unknownLayouts: [LayoutHash] = []
    /// Frames that others are told from and that this process does not have; the others were left out.
    package var unknownReferences: [UInt64] = []
    /// What the sender may tell its next frames from, for ``LayoutCatalog/keep(_:)`` once everything is stored.
    package var kept: [FrameRequest.KeptFrame] = []
    /// Samples refused; `rejects` says why, for the first of them.
    package var rejectedSamples: Int { rejectedByReason.values.reduce(0, +) }
    package private(set) var rejectedByReason: [RejectReason: Int] = [:]
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
        /// In words.
        package var reason: String
        /// In one word, where there are words for it.
        package var code: RejectReason?

        package var json: JSONValue {
            .object(compacting: [
                "path": .string(path), "reason": .string(reason), "code": code.map { .string($0.rawValue) },
            ])
        }
    }

    init(host: String) {
        self.host = host
        writes = []
        rejects = []
    }

    mutating func reject(_ path: String, samples: Int, _ objection: Objection) {
        rejectedByReason[objection.reason, default: 0] += samples
        guard rejects.count < Self.mostReasons else { return }
        rejects.append(Reject(path: path, reason: objection.description, code: objection.reason))
    }

    mutating func accept(_ write: FrameWrite, at path: String) {
        writes.append(write)
        paths.append(path)
    }

    /// The store refused a series of one of `writes`, because there are too many.
    package mutating func refuse(_ series: Series, of write: Int, samples: Int) {
        reject(
            paths.indices.contains(write) ? paths[write] : "", samples: samples,
            Objection(.seriesLimit, "\(series): the source or its host has too many series"))
    }
}

/// Why a request cannot be read at all.
package struct WireFormatError: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String
}
