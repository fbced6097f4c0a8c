/// What a credential may do.
package enum Scope: String, CaseIterable, Hashable, Sendable {
    /// Write telemetry of the host that the token names, fetch that host's config, report its state.
    case ingest
    /// Read telemetry, alerts, hosts and reports; see the dashboard.
    case query
    /// Read the live configuration, with sensitive fields hidden.
    case configRead = "config:read"
    /// Read and change the live configuration; send drift reports.
    case config
    /// Write events of any source.
    case events
    /// Start pipelines and see how they run.
    case pipelines
    /// Everything, and the making of tokens.
    case admin

    /// The scopes that this one brings along.
    package var implied: Set<Scope> {
        switch self {
        case .admin: Set(Scope.allCases)
        case .config: [.config, .configRead]
        case .ingest, .query, .configRead, .events, .pipelines: [self]
        }
    }

    /// Reads a list separated by commas or spaces; nil where one of the words is no scope or there is none.
    package static func list(_ text: some StringProtocol) -> Set<Scope>? {
        var scopes: Set<Scope> = []
        for word in text.split(whereSeparator: { $0 == "," || $0 == " " }) {
            guard let scope = Scope(rawValue: String(word)) else { return nil }
            scopes.insert(scope)
        }
        return scopes.isEmpty ? nil : scopes
    }
}
