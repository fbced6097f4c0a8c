package import Declarations
package import Telemetry

/// Where a page's data come from. A closure per question, so that pages are tested without a server.
package struct PageSource: Sendable {
    /// The declared pages, by name.
    package var pages: @Sendable () async throws -> [(name: String, spec: StatusPageSpec)]
    /// What a query yields from one instant to another, both included; at one instant where they are equal.
    package var values: @Sendable (_ query: String, _ from: Timestamp, _ to: Timestamp) async throws -> QueryValues
    /// The alert history from one instant to another, in any order.
    package var history: @Sendable (_ from: Timestamp, _ to: Timestamp) async throws -> [AlertEvent]
    /// The alerts that fire now, each as its beginning.
    package var firing: @Sendable () async throws -> [AlertEvent]
    package var hosts: @Sendable () async throws -> [HostSummary.Host]
    /// The newest reports first.
    package var reports: @Sendable () async throws -> [JSONValue]

    package init(
        pages: @escaping @Sendable () async throws -> [(name: String, spec: StatusPageSpec)],
        values: @escaping @Sendable (_ query: String, _ from: Timestamp, _ to: Timestamp) async throws -> QueryValues,
        history: @escaping @Sendable (_ from: Timestamp, _ to: Timestamp) async throws -> [AlertEvent],
        firing: @escaping @Sendable () async throws -> [AlertEvent],
        hosts: @escaping @Sendable () async throws -> [HostSummary.Host],
        reports: @escaping @Sendable () async throws -> [JSONValue]
    ) {
        self.pages = pages
        self.values = values
        self.history = history
        self.firing = firing
        self.hosts = hosts
        self.reports = reports
    }
}

/// A query that the server will not evaluate. The rest of the page does not depend on it.
package struct QueryRefused: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }
}
