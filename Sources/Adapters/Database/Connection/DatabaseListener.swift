import Runtime

/// Listens with LISTEN on a connection of its own and comes back after every failure.
///
/// A notification only says "look now"; those that are sent while the connection is away are lost. Therefore each new
/// connection gives ``Event/connected`` first, and whoever reads must look at the state itself, then and now and again.
package actor DatabaseListener {
    package enum Event: Hashable, Sendable {
        /// Listening now; anything may have happened before.
        case connected
        case notification(channel: String, payload: String)
    }

    /// At most 64 events are kept for a slow reader, the newest.
    package nonisolated let events: AsyncStream<Event>

    private let address: DatabaseAddress
    private let channels: [String]
    private let configuration: ConnectionConfiguration
    private let clock: any Clock<Duration>
    private let continuation: AsyncStream<Event>.Continuation
    private let backoff = Backoff(initial: .milliseconds(200), cap: .seconds(10))

    /// `address` must be a direct one: LISTEN does not pass a pooler in transaction mode.
    package init(
        _ address: DatabaseAddress, channels: [String], configuration: ConnectionConfiguration,
        clock: any Clock<Duration> = ContinuousClock()
    ) {
        self.address = address
        self.channels = channels
        self.configuration = configuration
        self.clock = clock
        (events, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(64))
    }

    /// Listens until the task is cancelled. `report` gets each failure, for the log.
    package func run(report: @Sendable (DatabaseError) -> Void = { _ in }) async {
        var failures = 0
        while !Task.isCancelled {
            do {
                let connection = try await connect()
                failures = 0
                continuation.yield(.connected)
                try await listen(on: connection)
            } catch {
                failures += 1
                report(error)
                try? await clock.sleep(for: backoff.delay(attempt: failures))
            }
        }
        continuation.finish()
    }

    private func connect() async throws(DatabaseError) -> PostgresConnection {
        let connection = try await PostgresConnection(address, configuration)
        for channel in channels {
            _ = try await connection.execute("LISTEN \"\(channel.filter { $0 != "\"" })\"")
        }
        return connection
    }

    /// In slices, so that a cancelled task is noticed.
    private static let slice = Duration.milliseconds(500)

    private func listen(on connection: PostgresConnection) async throws(DatabaseError) {
        while !Task.isCancelled {
            for notification in try await connection.notifications(waiting: Self.slice) {
                continuation.yield(.notification(channel: notification.channel, payload: notification.payload))
            }
        }
    }
}
