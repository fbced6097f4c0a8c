package import Metrics
import Telemetry

/// The registry as the backend of swift-metrics: what libraries report through it is exposed with ours.
extension MetricsRegistry: MetricsFactory {
    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        counter(label, labels: labels(dimensions))
    }

    package func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        counter(label, labels: labels(dimensions))
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        gauge(label, labels: labels(dimensions))
    }

    package func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        aggregate ? histogram(label, labels: labels(dimensions)) : gauge(label, labels: labels(dimensions))
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        histogram(label, labels: labels(dimensions))
    }

    package func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
    package func destroyMeter(_ handler: any MeterHandler) { remove(handler) }
    package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { remove(handler) }
    package func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }
    package func destroyTimer(_ handler: any TimerHandler) { remove(handler) }

    private func labels(_ dimensions: [(String, String)]) -> Labels {
        Labels(
            Dictionary(dimensions.map { ($0.0.replacing(".", with: "_"), $0.1) }) { _, later in later })
    }
}

extension CounterInstrument: CounterHandler, FloatingPointCounterHandler {
    package func increment(by amount: Int64) { increment(by: Double(amount)) }
}

extension GaugeInstrument: MeterHandler, RecorderHandler {
    package func set(_ value: Int64) { set(Double(value)) }
    package func increment(by amount: Double) { add(amount) }
    package func decrement(by amount: Double) { add(-amount) }
    package func record(_ value: Int64) { set(Double(value)) }
    package func record(_ value: Double) { set(value) }
}

extension HistogramInstrument: RecorderHandler, TimerHandler {
    package func record(_ value: Int64) { observe(Double(value)) }
    package func record(_ value: Double) { observe(value) }
    package func recordNanoseconds(_ duration: Int64) { observe(Double(duration) / 1e9) }
}
