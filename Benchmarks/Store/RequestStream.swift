import FrameFormat
import Telemetry

/// The requests of a fleet, in order of time, made as they are needed.
struct RequestStream {
    private let fleet: Fleet
    private let feed: Feed
    private let series: [Series]
    private var walks: [HostWalk]
    private var books: [LayoutBook]

    init(_ fleet: Fleet, feed: Feed) {
        self.fleet = fleet
        self.feed = feed
        series = fleet.series
        walks = fleet.walks()
        books = walks.map { _ in .agents }
    }

    /// The next ticks of every host.
    mutating func next(ticks: Int, perRequest: Int) -> [PreparedRequest] {
        var requests: [PreparedRequest] = []
        var made = 0
        while made < ticks {
            let count: Int = min(perRequest, ticks - made)
            for host in walks.indices {
                requests.append(
                    feed.request(
                        fleet: fleet, host: host, series: series, frames: walks[host].frames(count), book: &books[host])
                )
            }
            made += count
        }
        return requests
    }
}
