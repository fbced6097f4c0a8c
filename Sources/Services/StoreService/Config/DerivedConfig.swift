import Synchronization

/// What is made of a running configuration, once for each: with thousands of resources that takes milliseconds, and
/// engines ask twice a second.
package final class DerivedConfig<Value: Sendable>: Sendable {
    /// A value, and the configuration that it was made of.
    package struct Made: Sendable {
        package var running: RunningConfig
        package var value: Value
    }

    private let make: @Sendable (RunningConfig, _ last: Made?) -> Value
    private let last = Mutex<Made?>(nil)

    /// - Parameter make: may take over of the last value what did not change.
    package init(_ make: @escaping @Sendable (RunningConfig, _ last: Made?) -> Value) { self.make = make }

    package func of(_ running: RunningConfig) -> Value {
        let last: Made? = last.withLock { $0 }
        if let last, last.running.generation == running.generation, last.running.digest == running.digest,
            last.running.storeId == running.storeId
        {
            return last.value
        }
        let value: Value = make(running, last)
        self.last.withLock { $0 = Made(running: running, value: value) }
        return value
    }
}
