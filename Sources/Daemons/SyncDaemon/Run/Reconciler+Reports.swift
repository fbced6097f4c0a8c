import ConfigAPIClient
package import Declarations
import GitStore
import Logging
import Reconciliation
import Runtime
import Telemetry

extension Reconciler {
    /// Reports that wait for a server that is away; the oldest are given up, they are in the local log.
    static var unsentLimit: Int { 500 }
    /// A record that only counts more equal runs is sent this often.
    private static var repeatInterval: Duration { .seconds(60) }

    /// Sends a record and those that could not be sent before. Records are replaced by id, so sending twice is fine.
    func submit(_ record: RunReport) async {
        unsent.removeAll { $0.id == record.id }
        unsent.append(record)
        if unsent.count > Self.unsentLimit { unsent.removeFirst(unsent.count - Self.unsentLimit) }
        if let last = lastSubmission, last.id == record.id, age() - last.age < Self.repeatInterval,
            unsent.count == 1
        {
            return
        }
        while let next = unsent.first {
            do { try await dependencies.target.submit(report: next.json) } catch {
                // A report that the server does not take would hold up all others for ever.
                guard error.isUnknown else {
                    dependencies.logger.error(
                        "report refused by the server",
                        metadata: .of([.request: next.id, .error: error.description]))
                    noteFailure(.report, "the server refused a report for good: \(error.description)")
                    unsent.removeFirst()
                    continue
                }
                isServerDeaf = true
                return
            }
            lastSubmission = (next.id, age())
            log.sent(next.id)
            isServerDeaf = false
            unsent.removeFirst()
            hasDelivered(next.drift)
        }
    }

    /// Reports that wait for the server; one that is only to count more equal runs later does not.
    var waitingReports: Int { isServerDeaf ? unsent.count : 0 }

    /// Has the next run's report say what no run could. What is said already, and what is too much for one report, is
    /// left out.
    func reportAtNextRun(_ text: String) {
        guard !notesForReport.contains(text), notesForReport.count < Self.noteLimit else { return }
        notesForReport.append(text)
    }

    private static var noteLimit: Int { 20 }

    /// Has what failed counted after the run, and said by the next report: this one is written, or cannot be.
    ///
    /// - Parameter text: the same each time that the same fails, so that equal runs stay one record.
    func noteFailure(_ failure: SyncFailure, _ text: String) {
        uncountedFailures[failure, default: 0] += 1
        reportAtNextRun(text)
    }

    /// What failed since the last call.
    func takeUncountedFailures() -> [SyncFailure: Int] {
        defer { uncountedFailures = [:] }
        return uncountedFailures
    }

    /// Takes a rewritten history on the word of a person on this machine.
    package func permitRewrite(
        _ revision: String, reason: String, by who: String = "unknown"
    ) async throws(SyncError) -> String {
        do {
            await fetch()
            let id = try await dependencies.git.resolve(revision)
            state.permittedRewrite = SyncState.PermittedRewrite(commit: id.hex, reason: reason)
            examined = nil
            try persistState()
            dependencies.logger.notice(
                "rewritten history accepted", metadata: .of([.commit: id.hex, .reason: reason, .subject: who]))
            return id.hex
        } catch { throw SyncError("\(error)") }
    }

    /// What `gitops-sync status` shows.
    package func status() -> JSONValue {
        var members: [String: JSONValue] = [
            "version": 1, "mode": .string(mode.rawValue),
            "repository": .string(answeringRemote ?? configuration.displayedURL),
            "branch": .string(configuration.repository.branch),
            "acceptedCommit": state.acceptedCommit.map(JSONValue.string) ?? .null,
            "head": state.head.map(JSONValue.string) ?? .null,
        ]
        members["lastFetch"] = .object(compacting: [
            "at": lastFetchAt.map(JSONValue.time), "error": fetchError.map(JSONValue.string),
        ])
        members["firstMeeting"] = state.firstMeeting?.json
        if !silentRemotes.isEmpty { members["silentRemotes"] = .array(silentRemotes.map(JSONValue.string)) }
        members["unsentReports"] = .integer(waitingReports)
        let now: Timestamp = dependencies.now()
        members["enforcement"] = orders.present(at: now)?.json
        let contests: [Contest] = state.corrections.contests(at: now)
        if !contests.isEmpty { members["contested"] = contests.json }
        members["openDrift"] = .integer(state.ledger.open.count)
        if let newest = log.newest {
            members["lastRun"] = [
                "id": .string(newest.id), "outcome": .string(newest.outcome.rawValue),
                "finishedAt": .time(newest.lastFinishedAt),
            ]
        }
        return .object(members)
    }
}
