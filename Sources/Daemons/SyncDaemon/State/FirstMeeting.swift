package import Declarations
package import Telemetry

/// How a store that others filled, and that knows no commit of this source, was met.
package enum FirstMeeting: Hashable, Sendable {
    /// Nothing is changed until a person says `enforce`. Trailers count from `commit` on, the head of the first day.
    case observing(since: Timestamp, commit: String)
    /// A person said `enforce`; the next commit that passes the guards is accepted.
    case ended
}

extension FirstMeeting: JSONCodable {
    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        switch try reader.string("state") {
        case "observing":
            self = .observing(since: try reader.time("since"), commit: try reader.string("commit"))
        case "ended": self = .ended
        case let other: throw reader.error("state", "expected observing or ended, got \"\(other)\"")
        }
    }

    package var json: JSONValue {
        switch self {
        case .observing(let since, let commit):
            ["state": "observing", "since": .time(since), "commit": .string(commit)]
        case .ended: ["state": "ended"]
        }
    }
}
