package import Declarations
package import Telemetry

/// The body of `POST …/events`: `{"events": [{"id", "time", "source", "type", "host", "payload", "meta"}]}`, item by item.
package struct EventRequest: Hashable, Sendable {
    package var accepted: [Event] = []
    package var rejected: [Rejection] = []

    package struct Rejection: Hashable, Sendable {
        /// From 0, in the body's order.
        package var index: Int
        package var reason: String
    }

    package static let mostItems = 10_000
    /// Bytes of one event's payload and meta.
    package static let mostPayloadBytes = 4 << 20

    /// Throws where the body has not the form at all. `host`: the only host that the credential is for; nil: any.
    package init(_ body: JSONValue, host: String?, now: Timestamp) throws(JSONFormError) {
        let reader = try JSONObjectReader(body)
        _ = try reader.required("events")
        let items: [JSONValue] = try reader.array("events")
        guard items.count <= Self.mostItems else {
            throw JSONFormError(
                path: "/events", message: "expected at most \(Self.mostItems) events, got \(items.count)")
        }
        for (index, item) in items.enumerated() {
            switch Self.event(item, host: host, now: now) {
            case .success(let event): accepted.append(event)
            case .failure(let problem): rejected.append(Rejection(index: index, reason: problem.reason))
            }
        }
    }

    private static let fields: Set<String> = ["id", "time", "source", "type", "host", "payload", "meta"]

    private static func event(_ item: JSONValue, host: String?, now: Timestamp) -> Result<Event, Unmappable> {
        do throws(JSONFormError) {
            let reader = try JSONObjectReader(item)
            if let unknown = item.object?.keys.filter({ !fields.contains($0) }).min() {
                return .failure(Unmappable(reason: "unknown field \"\(unknown)\""))
            }
            let event = Event(
                time: try reader.optionalString("time") == nil ? now : try reader.time("time"),
                source: try reader.string("source"), type: try reader.string("type"),
                sourceID: try reader.string("id"), host: try reader.optionalString("host") ?? host,
                payload: DocumentValue(item["payload"] ?? [:]).json, meta: DocumentValue(item["meta"] ?? [:]).json)
            if let host, event.host != host {
                return .failure(Unmappable(reason: "host: the token is for \"\(host)\""))
            }
            if let objection = event.objection(now: now) { return .failure(Unmappable(reason: objection)) }
            let bytes: Int = event.payload.canonical.count + event.meta.canonical.count
            guard bytes <= mostPayloadBytes else {
                return .failure(
                    Unmappable(reason: "payload and meta have \(bytes) bytes, more than \(mostPayloadBytes)"))
            }
            return .success(event)
        } catch { return .failure(Unmappable(reason: "\(error)")) }
    }
}
