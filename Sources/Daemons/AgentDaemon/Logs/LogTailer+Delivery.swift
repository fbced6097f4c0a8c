import Declarations
import Delivery
import HostSystem
import Logging
import NIOHTTP1
import Runtime
import Synchronization
import Telemetry
import WireFormats

/// Reading and sending, one request at a time.
extension LogTailer {
    /// What is read of a file at once: more than any line that is kept.
    static let pieceBytes = 256 << 10
    /// How long the first part of a container's line waits for the next: runtimes write them one behind the other.
    private static let partialLineWait = PromDuration.seconds(5)
    private static let backoff = Backoff(initial: .milliseconds(500), cap: .seconds(30))
    private static let longestRetryAfter = Duration.seconds(300)
    /// The least time between two requests that were not full: lines that trickle in go together. A request costs more than
    /// all the rest that is done for its lines.
    private static let linger = Duration.milliseconds(750)
    /// How often refused lines are logged at most.
    private static let rejectionInterval = Duration.seconds(60)
    /// Lines given up in a row before each further one costs a wait: a server that refuses everything is broken.
    private static let freeDeadLines = 5

    /// Delivers until cancelled.
    func deliver() async {
        let clock: any Clock<Duration> = dependencies.clocks.clock
        var failures = 0
        var deadInARow = 0
        while !Task.isCancelled {
            guard let streams = nextRequest() else {
                await work.wait()
                continue
            }
            let lines: Int = streams.reduce(0) { $0 + $1.lines.count }
            // The same request again until there is an answer: its files wait.
            var verdict: ShipmentVerdict = await send(streams)
            while case .later(let retryAfter) = verdict, !Task.isCancelled {
                failures += 1
                let wait: Duration = Self.backoff.delay(attempt: failures)
                try? await clock.sleep(for: max(wait, min(retryAfter ?? .zero, Self.longestRetryAfter)))
                verdict = Task.isCancelled ? .later(nil) : await send(streams)
            }
            switch verdict {
            case .delivered:
                // The next one has its turn. After a refusal the same comes first again, until it is clear what of it is
                // refused.
                turn &+= 1
                failures = 0
                deadInARow = 0
                lineLimit = min(Self.linesPerRequest, lineLimit * 2)
                if lines < Self.linesPerRequest / 2, !tracked.contains(where: \.hasUnread) {
                    try? await clock.sleep(for: Self.linger)
                }
            case .refused:
                if refused(streams, lines: lines) { deadInARow += 1 }
                guard deadInARow > Self.freeDeadLines else { continue }
                try? await clock.sleep(for: Self.backoff.delay(attempt: deadInARow - Self.freeDeadLines))
            case .later: return
            }
        }
    }

    // MARK: Reading

    /// Lines of as many files and journals as fit, each in turn; nil where there is nothing to send.
    private func nextRequest() -> [LogStreamBatch]? {
        // A stream's name is written down before anything of it is sent: where that fails, such streams wait, and no others.
        // What these deliver is then on no disk of the agent's, and sent again after a crash: the server knows it by stream
        // and place.
        let isSaved: Bool = save(atMostOncePer: Self.saveInterval)
        var request = Request(lines: lineLimit, bytes: Self.bytesPerRequest)
        for takesFiles in turn % 2 == 0 ? [true, false] : [false, true] {
            takesFiles ? takeFiles(&request) : takeJournals(&request)
        }
        if request.streams.isEmpty, isSaved, !unsavedStreams.isEmpty { return nextRequest() }
        noteUnread()
        return request.streams.isEmpty ? nil : request.streams
    }

    /// A request that is being made.
    private struct Request {
        var streams: [LogStreamBatch] = []
        /// What still fits.
        var lines: Int
        var bytes: Int

        var isFull: Bool { lines <= 0 || bytes <= 0 }

        mutating func add(_ batch: LogStreamBatch, bytes: Int) {
            streams.append(batch)
            lines -= batch.lines.count
            self.bytes -= bytes
        }
    }

    private func takeFiles(_ request: inout Request) {
        guard !tracked.isEmpty else { return }
        let first: Int = (turn / 2) % tracked.count
        for file in tracked[first...] + tracked[..<first] {
            guard !request.isFull else { return }
            guard file.hasUnread, let source = source(named: file.record.source) else { continue }
            do throws(FileError) {
                let read = try read(file, source, mostLines: request.lines, mostBytes: request.bytes)
                if let read { request.add(read.batch, bytes: read.bytes) }
            } catch {
                dependencies.logger.warning("cannot read a log file", metadata: .of([.reason: error.description]))
                file.size = file.offset
            }
        }
    }

    private func takeJournals(_ request: inout Request) {
        for feed in feeds.values where !request.isFull {
            for batch in feed.next(mostLines: request.lines, mostBytes: request.bytes) {
                request.add(batch, bytes: batch.lines.reduce(0) { $0 + ($1.line?.message.utf8.count ?? 0) })
            }
        }
    }

    /// The next lines of one file; nil where there is no whole line.
    private func read(
        _ file: TrackedFile, _ source: Source, mostLines: Int, mostBytes: Int
    ) throws(FileError) -> (batch: LogStreamBatch, bytes: Int)? {
        let (place, piece): (Int, [UInt8]) = try file.file.readBehindNULs(at: file.offset, count: Self.pieceBytes)
        // Looked at after reading: where the file still begins as before, what was read is of the same content. Else the
        // next look finds that it was truncated.
        guard try holdsItsContent(file), !unsavedStreams.contains(file.record.stream) else { return nil }
        file.offset = place
        if file.offset + piece.count > file.size {
            file.size = file.offset + piece.count
            file.grownAt = elapsed()
        }
        let entries: LineJoining.Joined = entries(
            of: piece, file, source, mostLines: mostLines, mostBytes: mostBytes)
        guard entries.end > file.offset else { return nil }
        var reading = LineReading(source.spec.parser, lastTime: file.lastTime)
        var counts = LineReading.Counts()
        let now: Timestamp = dependencies.clockWatch.corrected(dependencies.clocks.now())
        let lines: [LogStreamBatch.PlacedLine] = entries.entries.map { reading.placed($0, now: now, counts: &counts) }
        dependencies.metrics.readLogLines(lines.count, cut: counts.cut, repaired: counts.repaired, source: source.name)
        file.offset = entries.end
        file.lastTime = file.hasUnread ? reading.lastTime : nil
        return (
            LogStreamBatch(stream: file.record.stream, origin: origin(file, source), lines: lines, end: entries.end),
            entries.entries.reduce(0) { $0 + $1.bytes.count }
        )
    }

    /// The entries that a piece begins with; none where the first is not complete.
    private func entries(
        of piece: [UInt8], _ file: TrackedFile, _ source: Source, mostLines: Int, mostBytes: Int
    ) -> LineJoining.Joined {
        let isWhole: Bool = piece.count < Self.pieceBytes
        let quiet: Duration = elapsed() - file.grownAt
        let takesRest: Bool = isWhole ? quiet >= Self.unfinishedLineWait : !piece.contains(0x0A)
        guard let joining = source.joining else {
            let split = LineSplitting(
                piece, at: file.offset, longest: source.spec.maxLineBytes, mostLines: mostLines, mostBytes: mostBytes,
                takesRest: takesRest)
            return LineJoining.Joined(entries: split.lines, end: split.end)
        }
        let isWrapped: Bool = !source.containers.isEmpty
        let split = LineSplitting(
            piece, at: file.offset, longest: isWrapped ? Self.pieceBytes : source.spec.maxLineBytes,
            takesRest: takesRest)
        let lines: [RawLine] = isWrapped ? split.lines.compactMap(\.unwrapped) : split.lines
        // What follows an unfinished line may belong to the entry as that line does.
        let isQuiet: Bool =
            isWhole && split.end == file.offset + piece.count
            && quiet >= .milliseconds(source.spec.multiline?.wait.milliseconds ?? Self.partialLineWait.milliseconds)
        let joined = joining.joined(
            lines, end: split.end, isComplete: isQuiet, mostEntries: mostLines, mostBytes: mostBytes)
        guard joined.end == file.offset, !isWhole else { return joined }
        // A piece is full and nothing of it is complete: it is taken as it is, or nothing would ever be.
        return joining.joined(lines, end: split.end, isComplete: true, mostEntries: mostLines, mostBytes: mostBytes)
    }

    /// Of a source's own labels and those of a container, the first count.
    private func origin(_ file: TrackedFile, _ source: Source) -> LogOrigin {
        var labels: [String: String] = source.spec.labels
        if !source.containers.isEmpty, let log = containerLog(file.record.path) {
            labels.merge(log.labels) { own, _ in own }
        }
        return LogOrigin(source: source.name, path: file.record.path, labels: Labels(labels))
    }

    // MARK: Sending

    private func send(_ streams: [LogStreamBatch]) async -> ShipmentVerdict {
        let body: [UInt8] = LogRequest.body(host: dependencies.host, streams: streams)
        do throws(ServerError) {
            let answer: ServerAnswer = try await dependencies.client.send(
                ServerRequest(
                    .POST, "/api/v1/logs", headers: [("Plumb-Ledger", ledger)], body: body,
                    timeout: dependencies.requestTimeout))
            let verdict = ShipmentVerdict(status: answer.status, retryAfter: answer.retryAfter)
            dependencies.metrics.answered(answer.status)
            if verdict == .delivered {
                acknowledged(streams, answer)
            } else {
                failed("status \(answer.status): \(answer.reason)")
            }
            return verdict
        } catch {
            if !Task.isCancelled { failed(error.description) }
            return .later(nil)
        }
    }

    private func failed(_ reason: String) {
        dependencies.metrics.failed(at: dependencies.clocks.now())
        dependencies.logger.warning("log lines were not taken", metadata: .of([.reason: reason]))
    }

    /// Moves each file to where the server says that it is.
    private func acknowledged(_ streams: [LogStreamBatch], _ answer: ServerAnswer) {
        let json: JSONValue? = try? JSONValue(parsing: answer.body)
        for stream in streams {
            let position: Int = json?["positions"]?[stream.stream]?.integer ?? stream.end
            guard let file = tracked.first(where: { $0.record.stream == stream.stream }) else { continue }
            // Behind the end: an unfinished line was stored that is longer by now, and what follows is sent again. Ahead
            // of it: a position was not written down before a crash. What lies between is sent again too, for the
            // ledger; the server knows it.
            file.record.position = min(position, stream.end)
            file.offset = position < stream.end ? position : max(file.offset, file.record.position)
            hasChanged = true
        }
        publishBacklog()
        for feed in feeds.values { feed.settle { json?["positions"]?[$0]?.integer } }
        noteJournals()
        let rejected: Int = json?["rejected"]?.integer ?? 0
        count(
            streams.reduce(0) { sum, stream in
                let position: Int = json?["positions"]?[stream.stream]?.integer ?? stream.end
                return sum + stream.lines.count { $0.place < position }
            }, rejected, .rejected)
        guard rejected > 0 else { return }
        // After a crash they would be sent again with the time of then, and pass for lines that the server has.
        save()
        unloggedRejections += rejected
        if let last = rejectionLoggedAt, elapsed() - last < Self.rejectionInterval { return }
        rejectionLoggedAt = elapsed()
        let reason: String = json?["errors"]?.array?.first?["reason"]?.string ?? "no reason given"
        dependencies.logger.warning(
            "the server rejected log lines", metadata: .of([.count: unloggedRejections, .reason: reason]))
        unloggedRejections = 0
    }

    /// Enters lines that came to an end into the ledger, `dropped` of them for a reason.
    private func count(_ lines: Int, _ dropped: Int, _ reason: DeliveryLedger.Reason) {
        let dropped: Int = min(dropped, lines)
        tally.collected += lines
        tally.acknowledged += lines - dropped
        tally.drop(dropped, reason)
        published.withLock { [tally] in $0.lines = tally }
    }

    /// The server will not have the request as it is: smaller ones find the line that it refuses alone, and that one is
    /// given up. Answers whether it was.
    private func refused(_ streams: [LogStreamBatch], lines: Int) -> Bool {
        // Entries of two streams of a container may only be taken together.
        let isAlone: Bool = streams.count == 1 && (lines <= 1 || lineLimit == 1)
        for stream in streams {
            guard let file = tracked.first(where: { $0.record.stream == stream.stream }) else { continue }
            if isAlone { file.record.position = stream.end }
            file.offset = file.record.position
        }
        for feed in feeds.values { isAlone ? feed.settle { _ in nil } : feed.takeBack() }
        noteJournals()
        hasChanged = true
        guard isAlone else {
            lineLimit = max(1, lines / 2)
            return false
        }
        count(lines, lines, .refused)
        dependencies.logger.error(
            "a log line was given up: the server refuses it alone",
            metadata: .of([.path: streams.first?.origin.path ?? "", .count: streams.first?.lines.first?.place ?? 0]))
        return true
    }
}
