package import Declarations

extension HostCheck {
    /// A table for people.
    package var text: String {
        let names: [String] = findings.map { $0.kind == "collector" ? $0.name : "\($0.kind) \($0.name)" }
        let width: Int = names.map(\.utf8.count).max() ?? 0
        var lines: [String] = []
        for (name, finding) in zip(names, findings) {
            let unit: String =
                switch finding.kind {
                case "log source": "files"
                case "socket": "containers"
                case HostCheck.Finding.config: "resources"
                default: "series"
                }
            let padding = String(repeating: " ", count: width - name.utf8.count)
            let state = finding.state.rawValue + String(repeating: " ", count: 9 - finding.state.rawValue.utf8.count)
            lines.append("\(name)\(padding)  \(state)  \(finding.count) \(unit)")
            lines += finding.details.map { "    \($0)" }
        }
        return lines.joined(separator: "\n")
    }

    /// The same for programs.
    package var json: JSONValue {
        [
            "version": 1,
            "findings": .array(
                findings.map { finding in
                    .object(compacting: [
                        "kind": .string(finding.kind), "name": .string(finding.name),
                        "state": .string(finding.state.rawValue), "count": .integer(finding.count),
                        "details": finding.details.isEmpty ? nil : .array(finding.details.map(JSONValue.string)),
                    ])
                }),
        ]
    }
}
