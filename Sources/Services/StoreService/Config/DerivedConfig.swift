import Synchronization

/// What is made of a running configuration, once for each: with thousands of resources that takes milliseconds, and
/// engines ask twice a second.
package final class DerivedConfig<Value: Sendable>: Sendable {
    private struct Made {
        var digest: String
        var generation: Int
        var storeId: String
        var value: Value
    }

    private let make: @Sendable (RunningConfig) -> Value
    private let made = Mutex<Made?>(nil)

    package init(_ make: @escaping @Sendable (RunningConfig) -> Value) { self.make = make }

    package func of(_ running: RunningConfig) -> Value {
        let known: Value? = made.withLock { made in
            guard let made, made.generation == running.generation, made.digest == running.digest,
                made.storeId == running.storeId
            else { return nil }
            return made.value
        }
        if let known { return known }
        let value: Value = make(running)
        made.withLock {
            $0 = Made(
                digest: running.digest, generation: running.generation, storeId: running.storeId, value: value)
        }
        return value
    }
}
