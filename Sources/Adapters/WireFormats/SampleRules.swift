import Telemetry

/// What may be stored: each rule gives the reason against, or nil.
enum SampleRules {
    static func objection(toName name: String) -> Objection? {
        problem(with: name, what: "metric name", longest: Limits.nameLength).map { Objection(.name, $0) }
    }

    static func objection(to labels: [String: String]) -> Objection? {
        problem(with: labels).map { Objection(.labels, $0) }
    }

    private static func problem(with labels: [String: String]) -> String? {
        if labels.count > Limits.labelsPerSeries {
            return "\(labels.count) labels; at most \(Limits.labelsPerSeries) are stored"
        }
        for (name, value) in labels.sorted(by: { $0.key < $1.key }) {
            if name == "__name__" { return "the label __name__ is the metric's name and cannot be set" }
            if let problem = problem(with: name, what: "label name", longest: Limits.labelNameLength) { return problem }
            if value.utf8.count > Limits.labelValueLength {
                return
                    "the value of label \(name) has \(value.utf8.count) bytes; at most \(Limits.labelValueLength) are stored"
            }
            if value.utf8.contains(0) { return "the value of label \(name) contains a NUL character" }
        }
        return nil
    }

    static func objection(to time: Timestamp, now: Timestamp) -> Objection? {
        problem(with: time, now: now).map { Objection(.time, $0) }
    }

    private static func problem(with time: Timestamp, now: Timestamp) -> String? {
        if time > now + Limits.acceptedFuture {
            return "\(time) is more than \(Limits.acceptedFuture) ahead of the server's clock"
        }
        if time < now - Limits.acceptedPast { return "\(time) is more than \(Limits.acceptedPast) old" }
        return nil
    }

    private static func problem(with name: String, what: String, longest: Int) -> String? {
        if name.isEmpty { return "an empty \(what)" }
        if name.utf8.count > longest { return "a \(what) of \(name.utf8.count) bytes; at most \(longest) are stored" }
        if name.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) { return "a \(what) with a control character" }
        return nil
    }

    /// A client's own label `host` must not hide the host that the credential is for: it is stored as
    /// `exported_host`, as Prometheus does with labels that collide.
    static func stored(_ labels: [String: String]) -> Labels {
        guard let host = labels["host"] else { return Labels(labels) }
        var renamed: [String: String] = labels
        renamed["host"] = nil
        renamed["exported_host"] = host
        return Labels(renamed)
    }
}
