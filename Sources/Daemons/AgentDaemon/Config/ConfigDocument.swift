import ConfigAPI
import Declarations

/// The text of `config.json`. People edit it, so reading asks for no more than it needs (`kind`, `name` and `spec` of
/// each resource; digests are computed, never believed) and says everything that is wrong at once.
enum ConfigDocument {
    /// Why a text is no config.
    struct Refusal: Error, Hashable, Sendable, CustomStringConvertible {
        var problems: [String]

        /// A few of them: the rest shows once these are mended.
        var description: String {
            problems.prefix(5).joined(separator: "; ") + (problems.count > 5 ? "; and \(problems.count - 5) more" : "")
        }
    }

    static let largestBytes = 4 << 20
    private static let mostResources = 1000

    static func items(parsing bytes: [UInt8]) throws(Refusal) -> [AgentConfig.Item] {
        let json: JSONValue
        do { json = try JSONValue(parsing: bytes) } catch { throw Refusal(problems: ["not JSON: \(error)"]) }
        guard let resources = json["resources"]?.array else {
            throw Refusal(problems: ["/resources: expected a list of resources"])
        }
        guard resources.count <= mostResources else {
            throw Refusal(problems: ["/resources: more than \(mostResources) resources"])
        }
        var items: [AgentConfig.Item] = []
        var problems: [String] = []
        var seen: Set<String> = []
        for (index, resource) in resources.enumerated() {
            do throws(JSONFormError) {
                let item: AgentConfig.Item = try self.item(resource, at: index)
                if !seen.insert("\(item.kind)/\(item.name)").inserted {
                    problems.append("/resources/\(index): \(item.kind)/\(item.name) is there twice")
                }
                items.append(item)
            } catch {
                problems.append(error.description)
            }
        }
        guard problems.isEmpty else { throw Refusal(problems: problems) }
        return items
    }

    private static func item(_ json: JSONValue, at index: Int) throws(JSONFormError) -> AgentConfig.Item {
        let reader = try JSONObjectReader(json, path: "/resources/\(index)")
        return AgentConfig.Item(
            kind: try reader.string("kind"), name: try reader.string("name"), spec: try reader.required("spec"),
            digest: "")
    }

    /// The text that holds `items`, of a config that was received as `received`.
    static func text(_ items: [AgentConfig.Item], received: AgentConfig) -> [UInt8] {
        let resources: [JSONValue] = items.map { item in
            ["kind": .string(item.kind), "name": .string(item.name), "spec": item.spec]
        }
        let document: JSONValue = [
            "storeId": .string(received.storeId), "generation": .integer(received.generation),
            "resources": .array(resources),
        ]
        return Array((document.indented + "\n").utf8)
    }
}

extension JSONValue {
    /// JSON for people: two blanks for each level, keys sorted, short lists of plain values on one line.
    var indented: String { indented(at: 0) }

    private func indented(at depth: Int) -> String {
        let inner = String(repeating: "  ", count: depth + 1)
        let outer = String(repeating: "  ", count: depth)
        switch self {
        case .object(let members) where !members.isEmpty:
            let lines: [String] = members.sorted { $0.key < $1.key }.map { key, value in
                "\(inner)\(JSONValue.string(key).canonicalText): \(value.indented(at: depth + 1))"
            }
            return "{\n\(lines.joined(separator: ",\n"))\n\(outer)}"
        case .array(let items) where items.contains { $0.array != nil || $0.object != nil }:
            let lines: [String] = items.map { inner + $0.indented(at: depth + 1) }
            return "[\n\(lines.joined(separator: ",\n"))\n\(outer)]"
        case .array(let items): return "[\(items.map(\.canonicalText).joined(separator: ", "))]"
        default: return canonicalText
        }
    }
}
