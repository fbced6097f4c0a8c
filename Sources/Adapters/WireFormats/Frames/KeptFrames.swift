import FrameFormat
import Telemetry

/// The frames that senders tell their next ones from, two for each source and layout: the newest, and the one that it
/// was told from itself, because a sender that did not get the answer still refers to that one.
struct KeptFrames {
    private struct Place: Hashable {
        var source: Source
        var layout: LayoutHash
    }

    private struct Pair {
        var newest: UInt64
        var before: UInt64?
    }

    private var frames: [UInt64: ReferenceFrame] = [:]
    private var pairs: [Place: Pair] = [:]
    private var values = 0
    /// With more values than these it starts over, rather than grow with every churn.
    private let mostValues: Int

    init(mostValues: Int) { self.mostValues = mostValues }

    subscript(id: UInt64) -> ReferenceFrame? { frames[id] }

    mutating func keep(_ kept: FrameRequest.KeptFrame) {
        let (frame, place) = (kept.frame, Place(source: kept.frame.source, layout: kept.frame.layout))
        let old: Pair? = pairs[place]
        // Sent again, because the answer was lost: what it was told from stays.
        guard old?.newest != frame.id else { return }
        if values + frame.values.count > mostValues { (frames, pairs, values) = ([:], [:], 0) }
        let next = Pair(newest: frame.id, before: kept.before ?? old?.newest)
        for id in [old?.newest, old?.before].compactMap({ $0 }) where id != next.before { remove(id) }
        pairs[place] = next
        frames[frame.id] = frame
        values += frame.values.count
    }

    private mutating func remove(_ id: UInt64) {
        if let gone = frames.removeValue(forKey: id) { values -= gone.values.count }
    }
}
