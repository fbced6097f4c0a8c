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
                guard let captures = pattern.captures(in: track.labels[source] ?? "") else { return track }
                let value: String = expanded(replacement, captures, pattern.captureNames)
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

    /// Go's `Regexp.Expand`: `$1`, `${1}`, `$name`, `$$`.
    private func expanded(_ template: String, _ captures: [String?], _ names: [String: Int]) -> String {
        var output = ""
        var rest: Substring = template[...]
        while let dollar = rest.firstIndex(of: "$") {
            output += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            if rest.first == "$" {
                output += "$"
                rest = rest.dropFirst()
                continue
            }
            let isBraced: Bool = rest.first == "{"
            if isBraced { rest = rest.dropFirst() }
            let name: Substring = rest.prefix { $0 == "_" || $0.isLetter || $0.isNumber }
            guard !name.isEmpty, !isBraced || rest.dropFirst(name.count).first == "}" else {
                output += isBraced ? "${" : "$"
                continue
            }
            rest = rest.dropFirst(name.count + (isBraced ? 1 : 0))
            let index: Int? = Int(name) ?? names[String(name)]
            if let index, index >= 0, index < captures.count { output += captures[index] ?? "" }
        }
        return output + rest
    }
}
