/// One life of a simulated daemon, from its start to its crash. Everything that it does to the world outside passes
/// through here, so that it can end between any two steps; after its end it changes nothing any more.
///
/// `@unchecked Sendable`: used on the simulation's thread alone, which ``DrainedExecutor`` sees to.
final class Incarnation: @unchecked Sendable {
    let world: World
    /// The number of the daemon that lives.
    let daemon: Int
    private(set) var isDead = false
    /// How many more steps it does; nil for all.
    var stepsLeft: Int?
    /// Called once, when the steps are used up.
    var onExhausted: () -> Void = {}
    /// For how long its machine stands still before its next write goes out.
    var pauseBeforeWrite: Duration?
    /// When its present run began: at the first step after the end of the one before.
    private(set) var runStart: Duration?
    /// What ends each thing that it waits for, by the order of asking.
    private var waiting: [Int: () -> Void] = [:]
    private var lastWait = 0
    var stop: () -> Void = {}

    init(world: World, daemon: Int) {
        self.world = world
        self.daemon = daemon
    }

    /// Whether the daemon still lives to do one more thing outside itself.
    func step() -> Bool {
        guard !isDead else { return false }
        if runStart == nil { runStart = world.timeline.now }
        if let left = stepsLeft {
            stepsLeft = left - 1
            if left <= 0 {
                stepsLeft = nil
                onExhausted()
            }
        }
        return !isDead
    }

    func runEnded() { runStart = nil }

    /// Ends this life: whatever it waits for is over, and nothing that its code still does has an effect.
    func die() {
        guard !isDead else { return }
        isDead = true
        let ends = waiting.sorted { $0.key < $1.key }
        waiting = [:]
        for end in ends { end.value() }
        stop()
    }

    /// Waits for the simulation to keep a promise; nil where the daemon dies before.
    func value<Value: Sendable>(of promise: Promise<Value>) async -> Value? {
        guard !isDead else { return nil }
        lastWait += 1
        let number: Int = lastWait
        waiting[number] = { promise.keep(nil) }
        defer { waiting[number] = nil }
        return await withTaskCancellationHandler {
            await promise.value()
        } onCancel: {
            promise.keep(nil)
        }
    }

    func sleep(for delay: Duration) async throws {
        let promise = Promise<Bool>()
        let token = world.timeline.after(delay) { promise.keep(true) }
        guard await value(of: promise) == true else {
            world.timeline.cancel(token)
            throw CancellationError()
        }
    }
}

/// A value that somebody waits for. It is kept once; later attempts do nothing.
///
/// `@unchecked Sendable`: used on the simulation's thread alone.
final class Promise<Value: Sendable>: @unchecked Sendable {
    private var continuation: UnsafeContinuation<Value?, Never>?
    private var isKept = false
    private var kept: Value?

    func keep(_ value: Value?) {
        guard !isKept else { return }
        isKept = true
        kept = value
        continuation?.resume(returning: value)
        continuation = nil
    }

    fileprivate func value() async -> Value? {
        guard !isKept else { return kept }
        return await withUnsafeContinuation { continuation = $0 }
    }
}
