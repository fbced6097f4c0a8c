package import Declarations
package import Telemetry

/// How a store that others filled, and that knows no commit of this source, was met.
package enum FirstMeeting: Hashable, Sendable {
    /// Nothing is changed until a person says `enforce`. Trailers count from `commit` on, the head of that time.
    case observing(since: Timestamp, commit: String)
    /// A person said `enforce`; the next commit that passes the guards is accepted.
    case ended(commit: String?)

    /// The newest commit when the store was met.
    package var commit: String? {
        switch self {
        case .observing(_, let commit): commit
        case .ended(let commit): commit
        }
    }
}

extension FirstMeeting: JSONCodable {
    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        switch try reader.string("state") {
        case "observing":
            self = .observing(since: try reader.time("since"), commit: try reader.string("commit"))
        case "ended": self = .ended(commit: try reader.optionalString("commit"))
        case let other: throw reader.error("state", "expected observing or ended, got \"\(other)\"")
        }
    }

    package var json: JSONValue {
        switch self {
        case .observing(let since, let commit):
            ["state": "observing", "since": .time(since), "commit": .string(commit)]
        case .ended(let commit):
            .object(compacting: ["state": "ended", "commit": commit.map(JSONValue.string)])
        }
    }
}
