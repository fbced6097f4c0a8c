import Declarations

extension Platform {
    /// The changes with one cause in the reports that were not known before.
    func changes(causedBy cause: String, since known: Set<String>) async throws -> [JSONValue] {
        try await reports().filter { !known.contains($0["id"]?.string ?? "") }
            .flatMap { $0["changes"]?.array ?? [] }
            .filter { change in
                change["cause"]?.string == cause || change["cause"]?.array?.contains(.string(cause)) == true
            }
    }

    /// The reports that there are.
    func reportIdentifiers() async throws -> Set<String> {
        Set(try await reports().compactMap { $0["id"]?.string })
    }

    /// The report of a run after those that are `known`.
    func report(
        _ outcome: String, since known: Set<String>, within seconds: Double = 60,
        where matches: (JSONValue) -> Bool = { _ in true }
    ) async throws -> JSONValue {
        try await eventually("a report says \(outcome)", within: seconds) {
            try await reports().first {
                !known.contains($0["id"]?.string ?? "") && $0["outcome"]?.string == outcome && matches($0)
            }
        }
    }
}
