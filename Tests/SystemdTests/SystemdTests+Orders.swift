import Declarations
import Testing

extension SystemdTests {
    /// Whoever is in the group of gitops-sync may give orders, and is named.
    func checkOrders(_ container: Container) async throws {
        try await container.shell("useradd --system --no-create-home --groups gitops-sync ada")
        func order(_ words: String) async throws {
            try await container.shell("runuser -u ada -- gitops-sync \(words)")
        }
        try await order("suspend --reason 'Let me look'")
        let text: String = try await container.shell("gitops-sync status --output json")
        let suspension: JSONValue? = try JSONValue(parsing: Array(text.utf8))["enforcement"]?["suspended"]
        #expect(suspension?["by"]?.string == "ada")
        #expect(suspension?["reason"]?.string == "Let me look")
        try await order("resume")
    }
}
