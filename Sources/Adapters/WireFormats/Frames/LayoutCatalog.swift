package import FrameFormat
import Synchronization
package import Telemetry

/// The layouts that senders have defined to this process, and the frames that they tell their next ones from. A sender
/// is asked again for what is not here: nothing is lost when it is forgotten.
package final class LayoutCatalog: Sendable {
    private struct State {
        var layouts: [LayoutHash: CheckedLayout] = [:]
        var series = 0
    }

    /// More series than these: start over, rather than grow with every churn.
    private let mostSeries: Int
    private let state = Mutex(State())
    private let references: Mutex<KeptFrames>

    /// `mostKept` bounds the values of the frames that are kept, 9 bytes each.
    package init(mostSeries: Int = 1_000_000, mostKept: Int = 8_000_000) {
        self.mostSeries = mostSeries
        references = Mutex(KeptFrames(mostValues: mostKept))
    }

    /// The frame that a sender tells its next one from.
    func reference(host: String, id: UInt64) -> ReferenceFrame? {
        references.withLock { $0[id] }.flatMap { $0.source.host == host ? $0 : nil }
    }

    /// Keeps what the sender will refer to when it knows that its frames were stored.
    package func keep(_ frames: [FrameRequest.KeptFrame]) {
        guard !frames.isEmpty else { return }
        references.withLock { references in for frame in frames { references.keep(frame) } }
    }

    package subscript(hash: LayoutHash) -> CheckedLayout? { state.withLock { $0.layouts[hash] } }

    func remember(_ layout: CheckedLayout, _ hash: LayoutHash) {
        state.withLock { state in
            if state.series + layout.width > mostSeries { state = State() }
            if state.layouts.updateValue(layout, forKey: hash) == nil { state.series += layout.width }
        }
    }
}
