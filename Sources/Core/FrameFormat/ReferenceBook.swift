import Telemetry

/// The sender's side of references: the last frame of each source and layout that the server is known to have.
struct ReferenceBook: Sendable {
    private struct Place: Hashable {
        var producer: String
        var layout: LayoutHash
    }

    private var frames: [Place: ReferenceFrame] = [:]
    /// Sources and layouts of the request that is being written: one frame of each is enough to keep.
    private var inRequest: Set<Place> = []
    /// Requests that tell no frame from another, because the server did not have what it was told from.
    private var resting = 0
    /// Whether the request that is being written is one of them.
    private var isResting = false
    /// How many the next refusal makes.
    private var rest = 1
    /// Deliveries since the last refusal.
    private var streak = 0

    /// Behind a balancer requests go to several servers, of which each keeps what it was sent: then every other request
    /// would be sent twice. So the more refusals there are, the longer frames are sent as a whole.
    private static let longestRest = 256
    private static let longStreak = 100

    mutating func begin() {
        inRequest = []
        isResting = resting > 0
        if isResting { resting -= 1 }
    }

    /// Decides how a batch is written. A backlog is small by itself; a single frame is told from the one before.
    mutating func complete(_ item: inout FrameRequestEncoder.Item, isKnown: Bool) {
        guard item.batch.frames.count == 1 else { return }
        let place = Place(producer: item.batch.source.producer, layout: item.layout)
        guard inRequest.insert(place).inserted else { return }
        item.isKept = true
        if isKnown, !isResting { item.reference = frames[place] }
    }

    mutating func delivered(_ kept: [ReferenceFrame]) {
        for frame in kept { frames[Place(producer: frame.source.producer, layout: frame.layout)] = frame }
        streak += 1
        if streak >= Self.longStreak { rest = 1 }
    }

    /// The server does not know a layout, so it has no frame of it.
    mutating func forget(_ layout: LayoutHash) { frames = frames.filter { $0.key.layout != layout } }

    /// Answers the layouts of the frames that were refused.
    mutating func refused(_ ids: Set<UInt64>) -> Set<LayoutHash> {
        let refused: [Place] = frames.filter { ids.contains($0.value.id) }.map(\.key)
        for place in refused { frames[place] = nil }
        // This request again counts as the first.
        resting = rest
        rest = min(2 * rest, Self.longestRest)
        streak = 0
        return Set(refused.map(\.layout))
    }
}
