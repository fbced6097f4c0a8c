import Testing

/// The decision records.
@Suite struct DecisionTests {
    private static let records: [String] = SourceFiles.names("docs/decisions").filter {
        $0.contains(/^\d{4}-[a-z0-9-]+\.md$/)
    }

    @Test func eachNumberIsGivenOnce() {
        let numbers: [Substring] = Self.records.map { $0.prefix(4) }
        #expect(Set(numbers).count == numbers.count)
        #expect(!numbers.isEmpty)
    }

    // Shows F-OP-07
    @Test(arguments: records)
    func itSaysWhatADecisionRecordSays(_ record: String) throws {
        let text: String = try SourceFiles.text("docs/decisions/\(record)").lowercased()
        #expect(text.hasPrefix("# "))
        for part in ["context", "decision", "rejected", "consequences", "failure modes"] {
            #expect(text.contains(part), "\(record) has no \(part)")
        }
    }
}
