package import Database
package import Declarations
package import Logging
package import Pipelines
package import Runtime
package import Telemetry

/// One run of a pipeline: page by page until the source is drained or the time is up.
///
/// A page is mapped, stored with its dead letters in one transaction, and only then marked at the source. Wherever the
/// process dies, the next run reads what was not marked again, and finds by its keys what is stored already.
package struct PipelineRun: Sendable {
    package let spec: PipelineSpec
    package let lease: RunLease
    package let store: PipelineStore
    package let sources: PipelineSources
    package let now: WallClock
    package let clock: any Clock<Duration>
    package let logger: Logger

    package init(
        spec: PipelineSpec, lease: RunLease, store: PipelineStore, sources: PipelineSources,
        now: @escaping WallClock = Timestamp.now, clock: any Clock<Duration> = ContinuousClock(), logger: Logger
    ) {
        self.spec = spec
        self.lease = lease
        self.store = store
        self.sources = sources
        self.now = now
        self.clock = clock
        self.logger = logger
    }

    /// How long the right to run lasts without a sign of life.
    package static let leaseSpan = PromDuration.seconds(60)

    /// What was done, for metrics.
    package struct Summary: Hashable, Sendable {
        package var counts = PageCounts()
        package var acknowledged = 0
        package var isDrained = false
        package var error: String?
        package var errorKind: SourceError.Kind?
        package var backlog: SourceBacklog?
    }

    /// Runs to the end and closes the run's record. A cancelled run ends after its page.
    package func run() async -> Summary {
        let summary: Summary = await withTaskGroup(of: Summary?.self) { group in
            group.addTask {
                // A source may take long to answer; somebody else must not take that for death.
                await periodically(every: Self.leaseSpan.duration / 3, clock: clock) {
                    try? await store.renew(lease, for: Self.leaseSpan)
                }
                return nil
            }
            group.addTask { await work() }
            defer { group.cancelAll() }
            for await result in group {
                if let result { return result }
            }
            return Summary()
        }
        await finish(summary)
        return summary
    }

    private func finish(_ summary: Summary) async {
        let end = RunEnd(
            isDrained: summary.isDrained, acknowledged: summary.acknowledged, error: summary.error,
            backlog: summary.backlog?.documents,
            oldestAt: summary.backlog?.oldestSeconds.map { Timestamp(seconds: $0) })
        do { try await store.finish(lease, end) } catch {
            logger.warning("cannot close a run", metadata: .of([.resource: lease.pipeline, .error: error]))
        }
    }

    // MARK: The work

    private func work() async -> Summary {
        var summary = Summary()
        let source: any PipelineSource
        do { source = try await sources.source(of: spec) } catch {
            summary.error = error.message
            summary.errorKind = error.kind
            return summary
        }
        await drain(source, &summary)
        await source.close()
        return summary
    }

    private func drain(_ source: any PipelineSource, _ summary: inout Summary) async {
        var position: String? = source.acknowledges ? nil : lease.position
        let deadline: Timestamp = now() + spec.maxRunTime
        do {
            while !Task.isCancelled, now() < deadline {
                let page: SourcePage = try await source.page(after: position, limit: spec.batchSize)
                guard !page.documents.isEmpty else {
                    summary.isDrained = true
                    break
                }
                try await take(page, source, &summary)
                position = page.position
            }
            if !Task.isCancelled { summary.backlog = try await source.backlog(after: position) }
        } catch let error as SourceError {
            summary.error = error.message
            summary.errorKind = error.kind
        } catch { summary.error = "\(error)" }
    }

    private func take(
        _ page: SourcePage, _ source: any PipelineSource, _ summary: inout Summary
    ) async throws {
        let mapped: PipelinePage = self.page(of: page, isMarked: source.acknowledges)
        let counts: PageCounts = try await store.store(mapped, lease, renewing: Self.leaseSpan)
        summary.counts.loaded += counts.loaded
        summary.counts.duplicates += counts.duplicates
        summary.counts.dead += counts.dead
        guard source.acknowledges else { return }
        summary.acknowledged += try await source.acknowledge(page.documents.map(\.id))
    }

    private func page(of page: SourcePage, isMarked: Bool) -> PipelinePage {
        let receivedAt: Timestamp = now()
        var events: [PipelinePage.Item] = []
        var letters: [PipelinePage.DeadLetter] = []
        for document in page.documents {
            switch event(of: document, by: spec, receivedAt: receivedAt) {
            case .success(let event): events.append(PipelinePage.Item(event: event, document: document.id.key))
            case .failure(let problem): letters.append(deadLetter(document, problem.reason))
            }
        }
        return PipelinePage(
            events: events, deadLetters: letters,
            position: isMarked ? nil : .init(text: page.position, source: spec.source.identity))
    }
}

/// A document of more bytes is kept by its beginning alone.
private let mostDeadLetterBytes = 64 << 10

/// A document that cannot become an event, as it is kept.
func deadLetter(_ document: SourceDocument, _ reason: String) -> PipelinePage.DeadLetter {
    let kept = String(withoutNUL(reason).prefix(1000))
    switch document.body {
    case .unreadable(_, let excerpt):
        return PipelinePage.DeadLetter(
            document: document.id.key, reason: kept, body: nil, excerpt: withoutNUL(excerpt))
    case .value(let value):
        let json: JSONValue = value.json
        let bytes: [UInt8] = json.canonical
        guard bytes.count > mostDeadLetterBytes else {
            return PipelinePage.DeadLetter(document: document.id.key, reason: kept, body: json, excerpt: nil)
        }
        let excerpt = String(decoding: bytes.prefix(4096), as: UTF8.self)
        return PipelinePage.DeadLetter(document: document.id.key, reason: kept, body: nil, excerpt: excerpt)
    }
}
