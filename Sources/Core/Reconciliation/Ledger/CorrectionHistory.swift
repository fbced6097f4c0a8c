import ConfigAPI
package import Declarations
package import Telemetry

/// What was corrected again and again, field by field: the basis of slowing down where two writers keep undoing each
/// other. Correcting is never switched off.
///
/// A streak is a row of corrections of one field without a rest of ``rest`` between two of them. From the third on the
/// field is contested, and each further correction waits longer.
package struct CorrectionHistory: Hashable, Sendable, JSONCodable {
    /// From this correction on a field is contested.
    package static let contestedFrom = 3
    /// The wait after that one; it doubles with each.
    package static let firstWait = PromDuration.seconds(10)
    package static let longestWait = PromDuration.minutes(10)
    /// A field that stayed right for so long is contested no more. Longer than the longest wait, else waiting alone would
    /// end the streak.
    package static let rest = PromDuration.minutes(30)
    /// Fields that are remembered; of more the one that was corrected longest ago is forgotten.
    package static let limit = 2000

    struct Place: Hashable, Sendable {
        var subject: DriftSubject
        var path: String
    }

    struct Streak: Hashable, Sendable {
        var count: Int
        var first: Timestamp
        var last: Timestamp
        /// The last ones who undid it, without doubles.
        var writers: [Contest.Writer]
    }

    private(set) var streaks: [Place: Streak]

    package static let empty = CorrectionHistory(streaks: [:])

    init(streaks: [Place: Streak]) { self.streaks = streaks }

    /// Notes the corrections among the changes of a run.
    package mutating func note(_ changes: [Change], at now: Timestamp) {
        streaks = streaks.filter { now - $0.value.last < Self.rest }
        for change in changes where change.isCorrection {
            for path in change.driftedPaths { note(Place(subject: change.subject, path: path), change.changedBy, now) }
        }
        guard streaks.count > Self.limit else { return }
        let oldest = streaks.sorted { $0.value.last < $1.value.last }.prefix(streaks.count - Self.limit)
        for item in oldest { streaks[item.key] = nil }
    }

    private mutating func note(_ place: Place, _ changedBy: ChangedBy?, _ now: Timestamp) {
        var streak: Streak = streaks[place] ?? Streak(count: 0, first: now, last: now, writers: [])
        streak.count += 1
        streak.last = now
        let writer = Contest.Writer(who: changedBy?.who, via: changedBy?.via ?? .unaudited)
        streak.writers.removeAll { $0 == writer }
        streak.writers = Array((streak.writers + [writer]).suffix(5))
        streaks[place] = streak
    }

    /// Until when a correction of these fields waits; nil where it does not. A field that is not contested, or whose
    /// wait is over, makes all of the resource due: a resource is put as a whole.
    package func deferral(of subject: DriftSubject, paths: [String], at now: Timestamp) -> Timestamp? {
        var due: Timestamp?
        for path in paths {
            guard let streak = streaks[Place(subject: subject, path: path)], let wait = streak.wait(at: now) else {
                return nil
            }
            let end: Timestamp = streak.last + wait
            guard end > now else { return nil }
            due = min(due ?? end, end)
        }
        return due
    }

    /// Everything that is contested now, in the order of subjects.
    package func contests(at now: Timestamp) -> [Contest] {
        var bySubject: [DriftSubject: [(path: String, streak: Streak, wait: PromDuration)]] = [:]
        for (place, streak) in streaks {
            guard let wait = streak.wait(at: now) else { continue }
            bySubject[place.subject, default: []].append((place.path, streak, wait))
        }
        return bySubject.keys.sorted().map { subject in
            let items = (bySubject[subject] ?? []).sorted { $0.path < $1.path }
            var writers: [Contest.Writer] = []
            for writer in items.flatMap(\.streak.writers) where !writers.contains(writer) { writers.append(writer) }
            return Contest(
                subject: subject, paths: items.map(\.path), writers: writers,
                corrections: items.map(\.streak.count).max() ?? 0, since: items.map(\.streak.first).min() ?? now,
                nextCorrectionAt: items.map { $0.streak.last + $0.wait }.min() ?? now)
        }
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        streaks = [:]
        for item in try reader.array("streaks") {
            let nested = try JSONObjectReader(item, path: "/streaks")
            let place = Place(subject: try DriftSubject(nested), path: try nested.string("path"))
            streaks[place] = Streak(
                count: try nested.integer("count"), first: try nested.time("first"), last: try nested.time("last"),
                writers: try nested.list("writers"))
        }
    }

    package var json: JSONValue {
        let items: [JSONValue] = streaks.sorted {
            $0.key.subject == $1.key.subject ? $0.key.path < $1.key.path : $0.key.subject < $1.key.subject
        }.map { place, streak in
            var members: [String: JSONValue?] = place.subject.members
            members["path"] = .string(place.path)
            members["count"] = .integer(streak.count)
            members["first"] = .time(streak.first)
            members["last"] = .time(streak.last)
            members["writers"] = streak.writers.json
            return .object(compacting: members)
        }
        return ["streaks": .array(items)]
    }
}

extension CorrectionHistory.Streak {
    /// How long the next correction waits after the last one; nil where the field is not contested.
    fileprivate func wait(at now: Timestamp) -> PromDuration? {
        guard count >= CorrectionHistory.contestedFrom, now - last < CorrectionHistory.rest else { return nil }
        // Beyond six doublings the wait is the longest one anyway.
        let doublings = Int64(min(count - CorrectionHistory.contestedFrom, 6))
        let span = PromDuration(milliseconds: CorrectionHistory.firstWait.milliseconds << doublings)
        return min(span, CorrectionHistory.longestWait)
    }
}

extension Change {
    /// Whether it undid what somebody did.
    fileprivate var isCorrection: Bool {
        causes.contains(.drift) && action != .record && (result == .applied || result == .unverified)
    }
}
