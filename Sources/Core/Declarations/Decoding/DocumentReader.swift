/// Reads what surrounds a spec: `apiVersion`, `kind`, `metadata`.
struct DocumentReader {
    private let source: SourceValue
    private var decoder: SchemaDecoder
    /// Known once kind and name are right, whatever else is wrong.
    private(set) var key: ResourceKey?
    private(set) var namePlace: Place?

    struct Document {
        var spec: JSONValue
        var annotations: ResourceAnnotations
    }

    init(_ source: SourceValue, _ resources: ResourceDecoder) {
        self.source = source
        decoder = SchemaDecoder(checkExpression: resources.checkExpression)
    }

    var problems: [Problem] { decoder.problems }
    var references: [(key: ResourceKey, place: Place)] { decoder.references }

    /// The document; nil where something is wrong.
    mutating func read() -> Document? {
        guard case .object(let entries) = source.content else {
            decoder.report(source.place, "expected a resource: a map with apiVersion, kind, metadata and spec")
            return nil
        }
        checkFields(entries)
        checkVersion()
        let kind: ResourceKind? = self.kind()
        let (name, annotations) = metadata()
        if let kind, let name { key = ResourceKey(kind, name) }
        let spec: JSONValue? = self.spec(kind)
        guard let spec, decoder.problems.isEmpty else { return nil }
        return Document(spec: spec, annotations: annotations)
    }

    private static let fields = ["apiVersion", "kind", "metadata", "spec"]

    private mutating func checkFields(_ entries: [SourceValue.Entry]) {
        var meant: Set<String> = []
        for entry in entries where !Self.fields.contains(entry.key) {
            closest(to: entry.key, among: Self.fields).map { _ = meant.insert($0) }
            let hint: String = suggestion(for: entry.key, among: Self.fields)
            decoder.report(entry.keyPlace, "unknown field \(quoted(entry.key))\(hint)")
        }
        for field in Self.fields where source.entry(field) == nil && !meant.contains(field) {
            decoder.report(source.place, "\(quoted(field)) is missing")
        }
    }

    private mutating func checkVersion() {
        guard let entry = source.entry("apiVersion") else { return }
        if case .string(Resource.apiVersion) = entry.value.content { return }
        decoder.report(entry.value.place, "expected apiVersion: \(Resource.apiVersion)")
    }

    private mutating func kind() -> ResourceKind? {
        guard let entry = source.entry("kind") else { return nil }
        let known: [String] = ResourceKind.allCases.map(\.rawValue).sorted()
        guard case .string(let text) = entry.value.content else {
            decoder.report(entry.value.place, "expected a kind: \(known.joined(separator: ", "))")
            return nil
        }
        guard let kind = ResourceKind(rawValue: text) else {
            let hint: String = suggestion(for: text, among: known)
            decoder.report(
                entry.value.place,
                "unknown kind \(quoted(text))\(hint.isEmpty ? "; known are \(known.joined(separator: ", "))" : hint)")
            return nil
        }
        return kind
    }

    private mutating func spec(_ kind: ResourceKind?) -> JSONValue? {
        guard let kind, let entry = source.entry("spec") else { return nil }
        if case .null = entry.value.content {
            decoder.report(entry.keyPlace, "spec is empty")
            return nil
        }
        return decoder.object(entry.value, as: kind.schema)
    }
}

// Metadata.
extension DocumentReader {
    private mutating func metadata() -> (name: String?, annotations: ResourceAnnotations) {
        var annotations = ResourceAnnotations()
        guard let metadata = source.entry("metadata") else { return (nil, annotations) }
        guard case .object(let entries) = metadata.value.content else {
            decoder.report(metadata.value.place, "expected a map with the field \"name\"")
            return (nil, annotations)
        }
        var name: String?
        for entry in entries {
            switch entry.key {
            case "name":
                namePlace = entry.value.place
                name = decoder.text(entry.value, .resourceName)
            case "annotations": annotations = self.annotations(entry.value)
            default:
                let hint: String = suggestion(for: entry.key, among: ["name", "annotations"])
                decoder.report(entry.keyPlace, "unknown field \(quoted(entry.key))\(hint)")
            }
        }
        if metadata.value.entry("name") == nil { decoder.report(metadata.value.place, "\"name\" is missing") }
        return (name, annotations)
    }

    private mutating func annotations(_ source: SourceValue) -> ResourceAnnotations {
        var annotations = ResourceAnnotations()
        guard case .object(let entries) = source.content else {
            decoder.report(source.place, "expected a map of texts")
            return annotations
        }
        for entry in entries {
            guard case .string(let value) = entry.value.content else {
                decoder.report(entry.value.place, "expected a text; write it in quotes")
                continue
            }
            guard entry.key.hasPrefix("plumbline/") else { continue }
            apply(entry, value, to: &annotations)
        }
        return annotations
    }

    private mutating func apply(
        _ entry: SourceValue.Entry, _ value: String, to annotations: inout ResourceAnnotations
    ) {
        let known = ["plumbline/adopt", "plumbline/drift", "plumbline/prune"]
        switch entry.key {
        case "plumbline/drift":
            let policies: [String] = DriftPolicy.allCases.map(\.rawValue)
            guard let policy = DriftPolicy(rawValue: value) else { return unexpected(entry, value, policies) }
            annotations.drift = policy
        case "plumbline/prune":
            guard value == "keep" else { return unexpected(entry, value, ["keep"]) }
            annotations.keepsOnPrune = true
        case "plumbline/adopt":
            guard value == "true" else { return unexpected(entry, value, ["true"]) }
            annotations.adopts = true
        default:
            let hint: String = suggestion(for: entry.key, among: known)
            decoder.report(
                entry.keyPlace,
                "unknown annotation \(quoted(entry.key))\(hint.isEmpty ? "; known are \(known.joined(separator: ", "))" : hint)"
            )
        }
    }

    private mutating func unexpected(_ entry: SourceValue.Entry, _ value: String, _ expected: [String]) {
        decoder.report(entry.value.place, "expected \(alternatives(expected)), got \(quoted(value))")
    }
}
