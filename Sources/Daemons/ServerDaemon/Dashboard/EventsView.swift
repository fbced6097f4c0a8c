import Database
import Telemetry

/// The page of events: how many of which source and type, how fresh, what the pipelines did and could not do.
struct EventsView {
    struct Day { let day: String }
    struct Cell {
        let day: String
        let count: String
    }
    struct Source {
        let name: String
        let cells: [Cell]
        let total: String
        let last: String
    }
    struct Share {
        let name: String
        let count: String
    }
    struct Pipeline {
        let name: String
        let badge: String
        let status: String
        let when: String
        let counts: String
        let waiting: String
        let dead: String
        let error: String?
    }
    struct Letter {
        let pipeline: String
        let document: String
        let reason: String
        let attempts: String
        let when: String
    }

    let days: [Day]
    let sources: [Source]
    let types: [Share]
    let domains: [Share]
    let pipelines: [Pipeline]
    let letters: [Letter]
    let hasDomains: Bool

    init(_ overview: EventsOverview, now: Timestamp) {
        let last: Timestamp = now.floored(to: .days(1))
        let starts: [Timestamp] = (0..<EventsOverview.days).reversed().map { last - .days(Int64($0)) }
        days = starts.map { Day(day: String($0.rfc3339.dropFirst(5).prefix(5))) }
        let freshest = Dictionary(overview.freshness.map { ($0.source, $0) }) { first, _ in first }
        let bySource = Dictionary(grouping: overview.bySource, by: \.key)
        sources = bySource.keys.sorted().map { name in
            let counts: [EventCount] = bySource[name] ?? []
            let perDay = Dictionary(counts.map { ($0.start, $0.count) }) { $0 + $1 }
            return Source(
                name: name,
                cells: starts.map { start in
                    Cell(day: String(start.rfc3339.prefix(10)), count: perDay[start].map { "\($0)" } ?? "·")
                },
                total: "\(counts.reduce(0) { $0 + $1.count })",
                last: freshest[name].map { Wording.ago($0.lastTime, now: now) } ?? "never")
        }
        let byType = Dictionary(grouping: overview.byType, by: \.key).mapValues { $0.reduce(0) { $0 + $1.count } }
        types = byType.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
            .map { Share(name: $0.key, count: "\($0.value)") }
        domains = overview.domains.map { Share(name: $0.value, count: "\($0.count)") }
        hasDomains = !domains.isEmpty
        pipelines = overview.pipelines.map { Self.pipeline($0, now: now) }
        letters = overview.deadLetters.map {
            Letter(
                pipeline: $0.pipeline, document: $0.document, reason: $0.reason, attempts: "\($0.attempts)",
                when: Wording.ago($0.lastAt, now: now))
        }
    }

    private static func pipeline(_ state: PipelineState, now: Timestamp) -> Pipeline {
        let run: PipelineRunRecord? = state.lastRun
        let status: String = run?.status ?? (state.isRunning ? "running" : "never run")
        let badge: String =
            switch run?.status {
            case "success": "good"
            case "partial": "warn"
            case "failure": "bad"
            default: "muted"
            }
        let waiting: String =
            state.backlog.map { backlog in
                let since: String = state.oldestAt.map { ", the oldest \(Wording.ago($0, now: now))" } ?? ""
                return backlog == 0 ? "nothing" : "\(backlog)\(since)"
            } ?? "unknown"
        return Pipeline(
            name: state.name, badge: badge, status: status,
            when: run.map { Wording.ago($0.finishedAt ?? $0.startedAt, now: now) } ?? "",
            counts: run.map { "\($0.loaded) loaded, \($0.duplicates) known, \($0.dead) dead" } ?? "",
            waiting: waiting, dead: "\(state.deadLetters)", error: run?.error)
    }
}
