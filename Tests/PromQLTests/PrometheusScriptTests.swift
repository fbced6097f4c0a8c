import Glibc
import Testing

/// Prometheus' own test scripts: what is supported gives the same answers.
@Suite struct PrometheusScriptTests {
    struct Script: Sendable, CustomTestStringConvertible {
        var name: String
        /// How many evaluations pass; a smaller number is a step back, a larger one belongs here.
        var passing: Int

        var testDescription: String { name }
    }

    @Test(arguments: [
        Script(name: "aggregators", passing: 126), Script(name: "at_modifier", passing: 77),
        Script(name: "functions", passing: 248), Script(name: "histograms", passing: 58),
        Script(name: "literals", passing: 25), Script(name: "name_label_dropping", passing: 30),
        Script(name: "range_queries", passing: 14), Script(name: "selectors", passing: 31),
    ])
    func `gives the answers of Prometheus`(script: Script) throws {
        let outcome = ScriptRunner.run(try text(of: script.name))
        if getenv("PROMQL_VERBOSE") != nil {
            print("\(script.name): \(outcome.passed) passed, \(outcome.unsupported.count) unsupported")
            for line in outcome.unsupported { print("  unsupported \(line)") }
        }
        #expect(outcome.failures == [])
        #expect(outcome.passed == script.passing)
    }

    private func text(of name: String) throws -> String {
        let folder: Substring = #filePath.prefix(upTo: try #require(#filePath.range(of: "/PromQLTests/")))
        let path = "\(folder)/Fixtures/promql/\(name).test"
        let file = try #require(fopen(path, "r"))
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension String {
    /// Where `part` begins: the standard library has no search for text.
    fileprivate func range(of part: String) -> String.Index? {
        indices.first { self[$0...].hasPrefix(part) }
    }
}
