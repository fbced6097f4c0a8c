import Patterns
import Telemetry

/// What a text names.
enum Reference: Sendable {
    case nothing
    /// A resource of a kind.
    case name(of: ResourceKind)
    /// A resource, as `Kind/name`.
    case key

    func target(_ text: String) -> ResourceKey? {
        switch self {
        case .nothing: nil
        case .name(let kind): ResourceKey(kind, text)
        case .key: ResourceKey(text)
        }
    }
}

/// Which texts a field takes.
package struct TextRule: Sendable {
    /// "a label name: letters, digits and _": what an error says was expected.
    let expectation: String
    /// The same as a regular expression (ECMA-262), for editors.
    let pattern: String?
    /// In Unicode scalars, as JSON Schema counts.
    let longest: Int
    /// Whether white space around the text means nothing.
    let isTrimmed: Bool
    let reference: Reference
    /// Why a text within the length is not taken; nil for one that is. The message must not contain the text, which may
    /// be secret.
    let objection: @Sendable (String) -> String?

    init(
        _ expectation: String, pattern: String? = nil, longest: Int, isTrimmed: Bool = false,
        reference: Reference = .nothing,
        objection: @escaping @Sendable (String) -> String? = { _ in nil }
    ) {
        self.expectation = expectation
        self.pattern = pattern
        self.longest = longest
        self.isTrimmed = isTrimmed
        self.reference = reference
        self.objection = objection
    }

    init(
        _ expectation: String, pattern: String, longest: Int,
        reference: Reference = .nothing,
        accepts: @escaping @Sendable (String) -> Bool
    ) {
        self.init(expectation, pattern: pattern, longest: longest, reference: reference) {
            accepts($0) ? nil : "expected \(expectation)"
        }
    }
}

extension TextRule {
    static let resourceName = name(of: nil)

    /// The name of a resource of `kind`, which must be declared.
    static func reference(to kind: ResourceKind) -> TextRule { name(of: kind) }

    private static func name(of kind: ResourceKind?) -> TextRule {
        TextRule(
            "a name of lower-case letters, digits and -, at most 63, not beginning with -",
            pattern: "^[a-z0-9][a-z0-9-]{0,62}$", longest: 63,
            reference: kind.map(Reference.name) ?? .nothing, accepts: ResourceKey.isValidName)
    }

    /// Any resource, by kind and name; it must be declared.
    static let resourceKey = TextRule(
        "a resource as Kind/name", pattern: "^[A-Z][A-Za-z]*/[a-z0-9][a-z0-9-]{0,62}$", longest: 100,
        reference: .key,
        accepts: { text in ResourceKey(text).map { ResourceKey.isValidName($0.name) } ?? false })

    /// A label's name that none of `reserved` is, each with the reason. Names that begin with `__` are Prometheus' own.
    static func labelName(
        reserved: [String: String] = [:], reservedPrefix: (prefix: String, why: String)? = nil
    ) -> TextRule {
        TextRule(
            "a label name of letters, digits and _, not beginning with a digit or __",
            pattern: "^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$", longest: Limits.labelNameLength
        ) { name in
            if let why = reserved[name] { return why }
            if let reservedPrefix, name.hasPrefix(reservedPrefix.prefix) { return reservedPrefix.why }
            guard isLabelName(name), !name.hasPrefix("__") else {
                return "expected a label name of letters, digits and _, not beginning with a digit or __"
            }
            return nil
        }
    }

    static let labelValue = TextRule("a label value", longest: Limits.labelValueLength)

    /// Text for people, in which `{{ … }}` is replaced.
    static let template = TextRule("a text", longest: 4096, isTrimmed: true)

    /// A short text for people, on one line.
    static let line = TextRule("a text of one line", longest: 120, isTrimmed: true) { text in
        text.unicodeScalars.contains { $0.properties.generalCategory == .control }
            ? "expected a text of one line" : nil
    }

    /// A few sentences for people.
    static let paragraph = TextRule("a text", longest: 1000, isTrimmed: true)

    static let hostGlob = TextRule("a host name or shell glob", longest: 253) { text in
        guard !text.utf8.contains(where: { $0 <= 0x20 || $0 == UInt8(ascii: "/") }) else {
            return "expected a host name or shell glob, without spaces or slashes"
        }
        return Glob.objection(to: text)
    }

    static let glob = TextRule("a shell glob", longest: 512) { Glob.objection(to: $0) }

    /// An absolute path with shell globs in it.
    static let pathGlob = TextRule("an absolute path, with shell globs where wanted", longest: 1024) { text in
        guard text.hasPrefix("/"), !text.utf8.contains(where: { $0 < 0x20 }) else {
            return "expected an absolute path, with shell globs where wanted"
        }
        let parts: [Substring] = text.split(separator: "/")
        guard !parts.isEmpty, !parts.contains(where: { $0 == "." || $0 == ".." }), !text.hasSuffix("/") else {
            return "expected the path of a file, without . and .."
        }
        return Glob.objection(to: text)
    }

    static let folderPath = TextRule("an absolute path", pattern: "^/", longest: 1024) { text in
        guard text.hasPrefix("/"), !text.utf8.contains(where: { $0 < 0x20 }),
            !text.split(separator: "/").contains("..")
        else { return "expected the absolute path of a folder, without \"..\"" }
        return nil
    }

    static let secretName = TextRule(
        "the name of a secret: letters, digits, '.', '_' and '-', not beginning with one of the last three",
        pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$", longest: 128,
        accepts: { text in
            guard let first = text.utf8.first, isAlphanumeric(first) else { return false }
            return text.utf8.allSatisfy { isAlphanumeric($0) || ".-_".utf8.contains($0) }
        })

    /// RE2's syntax, as in PromQL.
    static let regularExpression = TextRule("a regular expression", longest: 1024) { text in
        do throws(PatternError) { _ = try Pattern(text) } catch {
            return "\(error.message) in the regular expression"
        }
        return nil
    }

    /// A label that a relabelling rule reads: also those of its own making, which begin with `__`.
    static let relabelSource = TextRule(
        "a label name of letters, digits and _", pattern: "^[a-zA-Z_][a-zA-Z0-9_]*$", longest: Limits.labelNameLength,
        accepts: isLabelName)

    /// Without user name and password; there is no secret to put them into.
    static let scrapeURL = TextRule(
        "an http or https URL", pattern: "^https?://[^/?#@\\s]+([/?#]\\S*)?$", longest: 2048
    ) {
        text in
        guard let objection = WebURL.objection(to: text) else { return nil }
        return objection.contains("user name") ? "a URL must not contain user name or password" : objection
    }

    static let webURL = TextRule("an http or https URL", pattern: "^https?://[^/?#@\\s]+([/?#]\\S*)?$", longest: 2048) {
        WebURL.objection(to: $0)
    }
}

extension TextRule {
    /// Where in a document something is.
    static let documentPointer = TextRule(
        "a JSON Pointer such as \"/payload/title\", or \".\" for the whole document",
        pattern: "^(\\.|(/([^~/]|~[01])*)+)$", longest: 256,
        accepts: { text in
            if text == "." { return true }
            let bytes: [UInt8] = Array(text.utf8)
            return bytes.first == UInt8(ascii: "/")
                && bytes.indices.allSatisfy { index in
                    guard bytes[index] == UInt8(ascii: "~") else { return true }
                    let next: UInt8? = index + 1 < bytes.count ? bytes[index + 1] : nil
                    return next == UInt8(ascii: "0") || next == UInt8(ascii: "1")
                }
        })

    /// A MongoDB connection string that holds no secret.
    static let mongoURI = TextRule(
        "a MongoDB address", pattern: "^mongodb(\\+srv)?://[^@\\s]+$", longest: 2048
    ) { text in
        guard text.hasPrefix("mongodb://") || text.hasPrefix("mongodb+srv://") else {
            return "expected an address that begins with mongodb:// or mongodb+srv://"
        }
        guard !text.utf8.contains(UInt8(ascii: "@")) else {
            return "the address must not contain user name or password: put the whole address into a secret and name it"
                + " in uriRef"
        }
        guard !text.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F }) else {
            return "the address must not contain spaces"
        }
        return nil
    }

    static let mongoDatabase = TextRule(
        "the name of a database", pattern: "^[^/\\\\. \"$*<>:|?]+$", longest: 63,
        accepts: { text in !text.utf8.contains { "/\\. \"$*<>:|?".utf8.contains($0) } })

    static let mongoCollection = TextRule(
        "the name of a collection", pattern: "^[^$]+$", longest: 200,
        accepts: { text in !text.utf8.contains(UInt8(ascii: "$")) })

    static let mongoField = TextRule(
        "the name of a field, or a dotted path, not beginning with $", pattern: "^[^$]", longest: 200,
        accepts: { text in text.utf8.first != UInt8(ascii: "$") })

    /// A path, or a pattern in its last component.
    static let filePattern = TextRule("an absolute path", pattern: "^/", longest: 1024) { text in
        guard text.hasPrefix("/") else { return "expected an absolute path" }
        let parts: [Substring] = text.split(separator: "/")
        guard !parts.contains(".."), let last = parts.last else { return "expected the path of files, without \"..\"" }
        guard !parts.dropLast().contains(where: { part in part.contains { "*?[".contains($0) } }) else {
            return "only the last component of a path may be a pattern"
        }
        return Glob.objection(to: String(last))
    }

    /// A short text of an event, such as its source or type.
    static let eventText = TextRule("a text", longest: 200, isTrimmed: true)
}

func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
    default: false
    }
}

func isLabelName(_ text: String) -> Bool {
    guard let first = text.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else { return false }
    return text.utf8.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "_") }
}
