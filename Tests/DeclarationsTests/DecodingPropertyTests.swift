import Declarations
import Manifests
import Telemetry
import Testing

/// Random valid specs of every kind, in one meaning and many spellings.
private struct SpecGenerator {
    var random: SeededGenerator

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    mutating func chance() -> Bool { Bool.random(using: &random) }
    mutating func pick<Item>(_ items: [Item], _ fallback: Item) -> Item {
        items.randomElement(using: &random) ?? fallback
    }
    mutating func word() -> String { pick(["a", "web-1", "web-*", "db", "x9", "é", "tru e", "1", "true"], "a") }
    mutating func name() -> String { pick(["a", "web-1", "db", "x9"], "a") }
    mutating func duration() -> String { pick(["90s", "1m30s", "5400s", "2h", "120m", "23h"], "90s") }
    mutating func list(_ make: (inout SpecGenerator) -> String) -> JSONValue {
        let count = Int.random(in: 1...4, using: &random)
        return .array((0..<count).map { _ in .string(make(&self)) })
    }
    mutating func map() -> JSONValue {
        var members: [String: JSONValue] = [:]
        for key in ["team", "tier", "rack"] where chance() { members[key] = .string(word()) }
        return .object(members)
    }

    mutating func spec(_ kind: ResourceKind) -> [String: JSONValue] {
        var spec: [String: JSONValue] = [:]
        switch kind {
        case .hostGroup:
            spec["hosts"] = list { $0.name() }
            if chance() { spec["labels"] = map() }
            if chance() { (spec["staleAfter"], spec["downAfter"]) = ("20s", .string(duration() + "1ms")) }
        case .notifier:
            spec["type"] = "webhook"
            if chance() { spec["url"] = "http://h/x" } else { spec["secretRef"] = .string(name()) }
            if chance() { spec["default"] = .bool(chance()) }
            if chance() { spec["sendResolved"] = .bool(chance()) }
        case .retention:
            (spec["dataset"], spec["keep"]) = ("metrics", .string(pick(["7d", "1w", "200h"], "7d")))
        case .alertRule:
            spec["expr"] = .string(pick(["up == 0", "  up\n", "a\n+ b"], "up"))
            if chance() { spec[chance() ? "for" : "keepFiringFor"] = .string(duration()) }
            if spec["for"] == nil, chance() { spec["forEvaluations"] = .integer(Int.random(in: 1...3, using: &random)) }
            if chance() { spec["severity"] = .string(pick(["info", "warning", "critical"], "info")) }
            if chance() { (spec["labels"], spec["annotations"]) = (map(), map()) }
        case .statusPage:
            spec["title"] = .string(word())
            spec["components"] = .array(
                ["a", "b"].map { name in
                    ["name": .string(name), "query": "up", "empty": .string(pick(["up", "unknown"], "up"))]
                })
            if chance() { spec["incidents"] = ["days": 30, "matchers": map()] }
            if chance() { spec["hosts"] = .string(pick(["none", "count"], "none")) }
        case .collector:
            (spec["source"], spec["interval"]) = ("disk", .string(duration()))
            if chance() { spec["priority"] = .integer(Int.random(in: -1...1, using: &random)) }
            if chance() { spec["hosts"] = ["names": list { $0.name() }, "labels": map()] }
            if chance() { spec["exclude"] = list { $0.word() } }
        case .pipeline:
            let fields: [JSONValue] = [["from": ["/a", "/b~1c"]], ["default": "x"], ["from": ["/a"], "default": "y"]]
            var mapping: [String: JSONValue] = ["source": pick(fields, "x"), "type": pick(fields, "x")]
            if chance() {
                mapping["time"] = ["from": ["/timestamp"], "missing": .string(pick(["received"], "received"))]
            }
            if chance() { mapping["payload"] = ["from": ["."], "omit": list { $0.name() }] }
            spec["mapping"] = .object(mapping)
            let collection: JSONValue = [
                "uriRef": "m", "database": "d", "collection": "c", "pending": list { $0.name() },
            ]
            spec["source"] = chance() ? ["file": ["path": "/srv/*.ndjson"]] : ["mongodb": collection]
            if chance() { spec["every"] = .string(duration()) }
        case .unit:
            spec["unit"] = .string("plumb-\(Int.random(in: 0...1_000_000_000, using: &random)).timer")
            if chance() {
                spec["state"] = .string(pick(["running", "stopped"], "running"))
            } else {
                spec["enabled"] = false
            }
            if chance() { spec["settings"] = ["OnUnitActiveSec": .string(duration())] }
        case .logSource:
            spec["files"] = list { "/var/log/" + $0.name() }
            if chance() { spec["parser"] = .string(pick(["auto", "json", "plain"], "auto")) }
            if chance() { (spec["from"], spec["maxLineBytes"]) = ("end", 4096) }
            if chance() { spec["hosts"] = ["names": list { $0.name() }, "labels": map()] }
        case .scrapeTarget:
            (spec["url"], spec["interval"]) = ("http://127.0.0.1:9100/metrics", .string(pick(["90s", "1m30s"], "1m")))
            if chance() { spec["timeout"] = .string(pick(["10s", "1m"], "1s")) }
            if chance() { spec["sampleLimit"] = .integer(pick([10_000, 7], 1)) }
            if chance() { spec["labels"] = map() }
            if chance() {
                spec["relabel"] = [
                    ["action": "drop", "sourceLabels": ["__name__"], "regex": "go_.*"],
                    ["targetLabel": "a", "replacement": .string(pick(["$1", "x"], "y"))],
                ]
            }
        }
        return spec
    }

    /// Flow YAML with keys in any order and texts quoted where they must be, and sometimes where they need not.
    mutating func yaml(_ value: JSONValue) -> String {
        switch value {
        case .object(let members):
            let pairs: [String] = members.keys.shuffled(using: &random).map {
                "\(yaml(.string($0))): \(yaml(members[$0] ?? .null))"
            }
            return "{" + pairs.joined(separator: ", ") + "}"
        case .array(let items): return "[" + items.map { yaml($0) }.joined(separator: ", ") + "]"
        case .string(let text):
            let isSafe: Bool = text.utf8.allSatisfy { (97...122).contains($0) } && text != "true" && text != "null"
            return isSafe && chance() ? text : value.canonicalText
        case .null, .bool, .number: return value.canonicalText
        }
    }
}

@Suite struct DecodingPropertyTests {
    @Test(arguments: 0..<200)
    func manifestsAndTheirJSONSpecAgreeAndTheNormalFormIsAFixedPoint(seed: Int) throws {
        var generator = SpecGenerator(seed: UInt64(seed))
        for kind in ResourceKind.allCases {
            let spec: JSONValue = .object(generator.spec(kind))
            let fromJSON = try decoder.resource(kind: kind, name: "x", spec: spec).get()
            let text: String = manifest(kind.rawValue, "x", generator.yaml(spec))
            let declared = try #require(try declare([("m.yaml", text)]).get().resources.values.first)
            #expect(declared.key == fromJSON.key && declared.spec == fromJSON.resource.spec, "\(text)")
            #expect(declared.digest == fromJSON.resource.digest, "\(text)")
            #expect(declared.typedSpec == fromJSON.spec)
            let again = try decoder.resource(kind: kind, name: "x", spec: fromJSON.resource.spec).get()
            #expect(again == fromJSON)
            let stored = try JSONValue(parsing: fromJSON.resource.spec.canonical)
            #expect(try decoder.resource(kind: kind, name: "x", spec: stored).get() == fromJSON)
        }
    }

    @Test(arguments: 0..<50)
    func theOrderOfFilesAndDocumentsNeverMatters(seed: Int) throws {
        var generator = SpecGenerator(seed: UInt64(seed))
        var files: [(name: String, text: String)] = []
        for kind in ResourceKind.allCases {
            for name in ["a", "b", "c"] where kind != .retention || name == "a" {
                // A third of the specs is spoiled, so that problems are compared too.
                var spec: [String: JSONValue] = generator.spec(kind)
                if generator.random.next() % 3 == 0 { spec["unknown"] = 1 }
                files.append(("\(kind)-\(name).yaml", manifest(kind.rawValue, name, generator.yaml(.object(spec)))))
            }
        }
        let first = declare(files)
        let second = declare(files.shuffled(using: &generator.random))
        switch (first, second) {
        case (.success(let left), .success(let right)): #expect(left == right)
        case (.failure(let left), .failure(let right)): #expect(left == right)
        default: Issue.record("one was accepted and the other was not")
        }
    }

    @Test func noBytesMakeTheReadersTrap() {
        var random = SeededGenerator(seed: 7)
        let seedText: String = """
            apiVersion: plumbline/v1
            kind: AlertRule
            metadata: {name: x, annotations: {plumbline/drift: report}}
            spec: {expr: "up > 1e3", for: 1m, labels: {a: "b"}, notifiers: [c], forEvaluations: 0x10}
            ---
            {"apiVersion": "plumbline/v1", "kind": "Collector", "metadata": {"name": "y"}, "spec": {"source": "cpu"}}
            """
        let seedBytes: [UInt8] = Array(seedText.utf8)
        for _ in 0..<3000 {
            var bytes: [UInt8] = seedBytes
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch random.next() % 4 {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: index)
                case 2:
                    bytes.insert(
                        Array("{}[]:,-&*!|>'\"%@`#~.0e\t\n ".utf8).randomElement(using: &random) ?? 0, at: index)
                default: bytes = Array(bytes[index...]) + Array(bytes[..<index])
                }
            }
            let composed = composeManifest(file: "m.yaml", bytes: bytes)
            _ = decoder.declare(composed.documents, problems: composed.problems)
            if let value = try? JSONValue(parsing: bytes) {
                for kind in ResourceKind.allCases { _ = decoder.resource(kind: kind, name: "x", spec: value) }
            }
        }
    }
}
