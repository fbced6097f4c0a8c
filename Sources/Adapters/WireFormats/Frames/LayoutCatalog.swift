import FrameFormat
import Synchronization
package import Telemetry

/// The layouts that senders have defined to this process. A sender whose layout is not here is asked to define it again:
/// nothing is lost when it is forgotten.
package final class LayoutCatalog: Sendable {
    private struct State {
        var layouts: [LayoutHash: CheckedLayout] = [:]
        var series = 0
    }

    /// More series than these: start over, rather than grow with every churn.
    private let mostSeries: Int
    private let state = Mutex(State())

    package init(mostSeries: Int = 1_000_000) { self.mostSeries = mostSeries }

    package subscript(hash: LayoutHash) -> CheckedLayout? { state.withLock { $0.layouts[hash] } }

    func remember(_ layout: CheckedLayout, _ hash: LayoutHash) {
        state.withLock { state in
            if state.series + layout.width > mostSeries { state = State() }
            if state.layouts.updateValue(layout, forKey: hash) == nil { state.series += layout.width }
        }
    }
}
