import Telemetry

/// The monotonic clock of one simulated daemon: time passes where the simulation moves it.
struct VirtualClock: Clock {
    struct Instant: InstantProtocol {
        var offset: Duration

        func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        func duration(to other: Instant) -> Duration { other.offset - offset }
        static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    let incarnation: Incarnation

    var now: Instant { Instant(offset: offset) }
    var minimumResolution: Duration { .microseconds(1) }

    private var offset: Duration {
        let world: World = incarnation.world
        guard world.defect == .timeOfDayIsBelieved else { return world.timeline.now }
        return world.timeline.now + world.daemons[incarnation.daemon].wallOffset.duration
    }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        try await incarnation.sleep(for: deadline.offset - offset)
    }
}
