package import ConfigAPIClient

/// How it stands with a stream of events, and when that is worth a word. A plain value.
///
/// A component that is started anew is followed again after an attempt or two. A stream that is refused, or fails again
/// and again, is told of once, until it works.
package struct EventStreamState: Hashable, Sendable {
    /// In a row; the one that ended a stream which worked is the first.
    package private(set) var failures = 0
    private var isTold = false
    private var hasHeard = false

    /// With the waits between them about half a minute.
    private static let mostFailures = 5
    /// A token that was just replaced may be refused once.
    private static let mostRefusals = 2
    /// A stream that lasts for so long is none that fails, also where nothing happened meanwhile.
    private static let workingAge: Duration = .seconds(30)

    package init() {}

    /// An event came; returns whether that is news.
    package mutating func heard() -> Bool {
        hasHeard = true
        defer { isTold = false }
        return isTold
    }

    /// The stream ended; returns whether that is to be told.
    package mutating func ended(after age: Duration, _ failure: ConfigAPIClientError?) -> Bool {
        if hasHeard || age >= Self.workingAge {
            (failures, isTold, hasHeard) = (1, false, false)
            return false
        }
        failures += 1
        guard !isTold, failures >= (failure?.isRefusal == true ? Self.mostRefusals : Self.mostFailures) else {
            return false
        }
        isTold = true
        return true
    }
}

extension ConfigAPIClientError {
    /// Whether the component is there and does not let us.
    fileprivate var isRefusal: Bool {
        switch self {
        case .unreachable: false
        case .failed(let status, _): status < 500 && status != 429
        case .unauthorized, .conflict, .rejected, .malformed: true
        }
    }
}
