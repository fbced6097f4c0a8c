import Declarations
import HostSystem
import Logging
import Runtime
import Synchronization

/// Reading the journal, one `journalctl` for each source that names units of it.
extension LogTailer {
    private static let restartBackoff = Backoff(initial: .seconds(1), cap: .seconds(60))
    /// A reader that ran for so long had no trouble starting.
    private static let steadyRun = Duration.seconds(60)

    /// Reads for one source until there are no more `specs`.
    nonisolated func readJournal(_ name: String, _ first: LogSourceSpec, _ specs: AsyncStream<LogSourceSpec>) async {
        let now = LatestSpec(first)
        let feed: JournalFeed = await openFeed(name, labels: first.labels)
        await obey(specs) {
            now.spec = $0
            feed.obey(labels: $0.labels)
        } whileObeying: {
            await self.read(name, now.spec, feed)
        }
        await closeFeed(name)
    }

    private func openFeed(_ name: String, labels: [String: String]) -> JournalFeed {
        let feed = JournalFeed(source: name, labels: labels, from: journals[name]) { [work] in work.raise() }
        feeds[name] = feed
        return feed
    }

    /// Where it was is remembered, should the source come back.
    private func closeFeed(_ name: String) {
        noteJournals()
        feeds[name] = nil
        dependencies.health.forget("LogSource/\(name)")
    }

    /// Takes up how far the feeds are, to be written down.
    func noteJournals() {
        for (name, feed) in feeds {
            guard let cursor = feed.doneTo, journals[name] != cursor else { continue }
            journals[name] = cursor
            hasChanged = true
        }
    }

    private nonisolated func read(_ name: String, _ spec: LogSourceSpec, _ feed: JournalFeed) async {
        let health: CollectorHealth = dependencies.health
        let key = "LogSource/\(name)"
        var failures = 0
        while !Task.isCancelled {
            let elapsed = dependencies.clocks.clock.stopwatch()
            let reading = JournalReading(name, spec, feed, dependencies)
            health.set(key, CollectorHealth.Report(isFailing: false, error: nil))
            let end: String
            do {
                end = try await dependencies.journal.follow(reading.start) { line in
                    if let said = await reading.take(line) {
                        health.set(key, CollectorHealth.Report(isFailing: false, error: said))
                    }
                }
            } catch {
                guard !Task.isCancelled else { return }
                end = "\(error)"
            }
            guard !Task.isCancelled else { return }
            let reason = "journalctl ended (\(end))" + (health[key]?.error.map { ": \($0)" } ?? "")
            health.set(key, CollectorHealth.Report(isFailing: true, error: reason))
            dependencies.logger.warning(
                "the journal cannot be read", metadata: .of([.name: name, .reason: reason]))
            failures = elapsed() > Self.steadyRun ? 1 : failures + 1
            try? await dependencies.clocks.clock.sleep(for: Self.restartBackoff.delay(attempt: failures))
        }
    }
}

/// The spec that is obeyed now.
private final class LatestSpec: Sendable {
    private let value: Mutex<LogSourceSpec>

    init(_ spec: LogSourceSpec) { value = Mutex(spec) }

    var spec: LogSourceSpec {
        get { value.withLock { $0 } }
        set { value.withLock { $0 = newValue } }
    }
}
