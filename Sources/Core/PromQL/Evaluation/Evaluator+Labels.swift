import Patterns
import Telemetry

/// `label_replace` and `label_join`.
extension Evaluator {
    mutating func labelReplace(_ arguments: [Node], _ steps: Steps) throws(PromQLError) -> [Track] {
        let tracks: [Track] = try vector(arguments[0], steps)
        let target: String = try string(arguments[1], steps)
        let replacement: String = try string(arguments[2], steps)
        let source: String = try string(arguments[3], steps)
        let text: String = try string(arguments[4], steps)
        let pattern: Pattern
        do { pattern = try Pattern(text) } catch {
            throw PromQLError(.execution, "invalid regular expression in label_replace(): \(text)")
        }
        guard !target.isEmpty else {
            throw PromQLError(.execution, "invalid destination label name in label_replace(): \(target)")
        }
        return try merged(
            tracks.map { track in
                let text: String = track.labels[source] ?? ""
                guard let value = pattern.expansion(of: replacement, matching: text) else { return track }
                return relabelled(track, target, value)
            })
    }

    mutating func labelJoin(_ arguments: [Node], _ steps: Steps) throws(PromQLError) -> [Track] {
        let tracks: [Track] = try vector(arguments[0], steps)
        let target: String = try string(arguments[1], steps)
        let separator: String = try string(arguments[2], steps)
        var sources: [String] = []
        for argument in arguments.dropFirst(3) { sources.append(try string(argument, steps)) }
        guard !target.isEmpty else {
            throw PromQLError(.execution, "invalid destination label name in label_join(): \(target)")
        }
        return try merged(
            tracks.map { track in
                relabelled(track, target, sources.map { track.labels[$0] ?? "" }.joined(separator: separator))
            })
    }

    /// A name that was written by hand is not dropped any more.
    private func relabelled(_ track: Track, _ label: String, _ value: String) -> Track {
        Track(
            labels: track.labels.setting(label, to: value),
            dropsName: label == metricNameLabel ? false : track.dropsName, points: track.points)
    }
}
