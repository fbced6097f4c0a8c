package import Declarations
package import Reconciliation

/// What travels over the control socket, one JSON object a line: a request, then answers up to `end`.
package enum ControlRequest: Hashable, Sendable, JSONCodable {
    /// Run now. With `waits`, the plan and the report are answered as they come.
    case sync(waits: Bool)
    /// Take a rewritten history.
    case accept(revision: String, reason: String)
    /// Suspend, resume, pin, unpin, tolerate.
    case order(OrderRequest)
    case status
    /// End the first meeting with a store in use.
    case enforce

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        switch try reader.string("command") {
        case "sync": self = .sync(waits: try reader.bool("wait", default: false))
        case "accept":
            self = .accept(revision: try reader.string("revision"), reason: try reader.string("reason"))
        case "status": self = .status
        case "enforce": self = .enforce
        case let name where OrderRequest.commands.contains(name): self = .order(try OrderRequest(reader))
        case let other: throw reader.error("command", "unknown command \"\(other)\"")
        }
    }

    package var json: JSONValue {
        switch self {
        case .sync(let waits): ["command": "sync", "wait": .bool(waits)]
        case .accept(let revision, let reason):
            ["command": "accept", "revision": .string(revision), "reason": .string(reason)]
        case .order(let order): order.json
        case .status: ["command": "status"]
        case .enforce: ["command": "enforce"]
        }
    }
}

package enum ControlAnswer: Hashable, Sendable, JSONCodable {
    case accepted
    case planned(RunReport)
    case finished(RunReport)
    case status(JSONValue)
    /// What holds from now on.
    case ordered(Enforcement)
    case failed(String)
    /// Nothing follows: whoever asked may close the connection. Closing it from the other side would cut off what is
    /// still on its way.
    case end

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        switch try reader.string("answer") {
        case "accepted": self = .accepted
        case "planned": self = .planned(try reader.value("report"))
        case "finished": self = .finished(try reader.value("report"))
        case "status": self = .status(try reader.required("status"))
        case "ordered": self = .ordered(try reader.value("enforcement"))
        case "failed": self = .failed(try reader.string("error"))
        case "end": self = .end
        case let other: throw reader.error("answer", "unknown answer \"\(other)\"")
        }
    }

    package var json: JSONValue {
        switch self {
        case .accepted: ["answer": "accepted"]
        case .planned(let report): ["answer": "planned", "report": report.json]
        case .finished(let report): ["answer": "finished", "report": report.json]
        case .status(let status): ["answer": "status", "status": status]
        case .ordered(let enforcement): ["answer": "ordered", "enforcement": enforcement.json]
        case .failed(let message): ["answer": "failed", "error": .string(message)]
        case .end: ["answer": "end"]
        }
    }
}
