@testable import AgentDaemon
import ConfigAPI
import Declarations
import Glibc
import Runtime
import TestSupport
import Testing

@Suite struct CheckCommandTests {
    private static let load = collector("load", "load", every: "1s")

    /// A folder that an agent keeps its state in.
    private func folder(holding text: String?) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        if let text { try folder.write(text, to: "config.json") }
        return folder
    }

    private var valid: String {
        let sources: [AgentConfig.Item] = [Self.load, logSource("app", ["/nowhere/*.log"])]
        return String(decoding: ConfigDocument.text(sources, received: config(1, sources)), as: UTF8.self)
    }

    private func held(
        stateDir: String? = nil, config: String? = nil, _ environment: [String: String] = [:]
    ) throws -> HeldConfig {
        try HeldConfig(AgentSettings(stateDir: stateDir, file: config)) { environment[$0] }
    }

    @Test func theStateDirectoryIsFoundAsTheAgentFindsIt() throws {
        let (own, other): (TemporaryFolder, TemporaryFolder) = (try folder(holding: valid), try folder(holding: nil))
        let file: String = try other.write("{\"stateDir\": \"\(own.path)\"}", to: "agent.json")
        for found in [
            try held(stateDir: own.path, config: file, ["PLUMB_STATE_DIR": other.path]), try held(config: file),
            try held(["PLUMB_CONFIG": file]), try held(["PLUMB_CONFIG": file, "PLUMB_STATE_DIR": own.path]),
        ] {
            #expect(found.finding.name == own("config.json"))
            #expect(found.finding.state == .readable)
            #expect(found.resources.map(\.name) == ["load", "app"])
        }
        #expect(try held(["PLUMB_CONFIG": file, "PLUMB_STATE_DIR": other.path]).finding.state == .missing)
        #expect(throws: AgentSettings.Problem.self) { try held(config: other("none.json")) }
    }

    @Test func aConfigThatIsMissingOrBrokenIsToldOf() throws {
        let missing: HeldConfig = HeldConfig(in: try folder(holding: nil).path)
        #expect(missing.finding.state == .missing)
        #expect(missing.finding.details.first?.contains("--state-dir") == true)
        let broken = try folder(holding: "{")
        #expect(HeldConfig(in: broken.path).finding.state == .failing)
        let unknown = try folder(holding: #"{"resources": [{"kind": "Later", "name": "x", "spec": {}}]}"#)
        #expect(HeldConfig(in: unknown.path).finding.details.first?.hasPrefix("Later/x: ") == true)
    }

    /// A file in the place of the folder stands in for one that may not be read: root may read everything.
    @Test func aConfigThatCannotBeReadIsToldOf() throws {
        let folder = try TemporaryFolder()
        let file: String = try folder.write("", to: "state")
        let finding: HostCheck.Finding = HeldConfig(in: file).finding
        #expect(finding.state == .failing)
        #expect(finding.details.first?.contains(file) == true)
        guard getuid() != 0 else { return }
        try folder.write(valid, to: "config.json")
        chmod(folder("config.json"), 0)
        #expect(HeldConfig(in: folder.path).finding.state == .forbidden)
    }

    @Test func theProgramFailsAndSaysWhereItLooked() async throws {
        let folder = try folder(holding: nil)
        let file: String = try folder.write("{\"stateDir\": \"\(folder.path)\"}", to: "agent.json")
        for place in [["--state-dir", folder.path], ["--config", file]] {
            let program = try ChildProgram(
                try BuiltPrograms.path("plumb-agent"), ["check", "--output", "json"] + place)
            #expect(try await program.end(within: .seconds(60)) == 1)
            let found: JSONValue? = try JSONValue(parsing: Array(program.output.utf8))["findings"]?.array?.first
            #expect(found?["kind"] == "config")
            #expect(found?["name"] == .string(folder("config.json")))
            #expect(found?["state"] == "missing")
        }
    }
}
