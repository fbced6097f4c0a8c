import Compression
import FrameFormat
import Runtime
import Synchronization
import Telemetry
import WireFormats

/// How shipments are written: in the compact form, each list of series once and single frames as differences from the
/// last one that was delivered; in JSON for a server that does not know the form.
final class ShipmentForm: Sendable {
    /// A request's body, and what has to be known to read its answer.
    struct Letter: Sendable {
        var body: [UInt8]
        var headers: [(String, String)]
        /// Nil in JSON.
        fileprivate var compact: LayoutBook.Request?
    }

    /// What an answer says about the form, apart from what it says about the samples.
    enum Reply: Hashable, Sendable {
        case understood
        /// The same samples again, at once: with what the server does not know, or in JSON.
        case again
    }

    private struct State {
        var book = LayoutBook(refers: true, sha256: Digests.sha256)
        var isCompact = true
        /// Whether this server ever took the compact form.
        var isProven = false
        /// Requests in JSON since the compact form was given up.
        var plain = 0
    }

    private let state = Mutex(State())
    /// A server that was replaced by a newer one is found so.
    private static let plainRequests = 360

    func letter(host: String, batches: [FrameBatch]) -> Letter {
        let request: LayoutBook.Request? = state.withLock { state in
            if !state.isCompact {
                state.plain += 1
                if state.plain > Self.plainRequests { state = State() }
            }
            return state.isCompact ? state.book.request(host: host, batches: batches) : nil
        }
        guard let request else {
            return Letter(
                body: NativeEncoder.metrics(host: host, batches: batches),
                headers: [("Content-Type", "application/json")], compact: nil)
        }
        let packed: [UInt8] = Zstd.compress(request.body)
        let isSmaller: Bool = packed.count < request.body.count
        return Letter(
            body: isSmaller ? packed : request.body,
            headers: [("Content-Type", FrameFormat.contentType)] + (isSmaller ? [("Content-Encoding", "zstd")] : []),
            compact: request)
    }

    /// Learns from the answer to a letter.
    func answered(_ letter: Letter, status: Int, unknown: IngestAccount.Unknown) -> Reply {
        guard let compact = letter.compact else { return .understood }
        return state.withLock { state in
            switch status {
            case 200..<300:
                state.book.delivered(compact)
                state.isProven = true
                return .understood
            case 409 where !unknown.isEmpty:
                state.isProven = true
                state.book.forget(unknown.layouts)
                if !unknown.references.isEmpty { state.book.forget(references: unknown.references) }
                return .again
            // What a server says that takes the body for JSON. One that took the form before means the samples.
            case 400 where !state.isProven, 415, 406:
                state = State(isCompact: false)
                return .again
            default: return .understood
            }
        }
    }

    /// Nobody answered: who answers next may be another server, of another version.
    func lost() { state.withLock { $0.isProven = false } }
}
