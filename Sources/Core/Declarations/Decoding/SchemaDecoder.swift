import Telemetry

/// Decodes values by their schema into normal form, collecting every problem and every reference to another resource.
struct SchemaDecoder {
    /// Why an expression is malformed; nil where it is not.
    let checkExpression: @Sendable (String) -> String?
    private(set) var problems: [Problem] = []
    private(set) var references: [(key: ResourceKey, place: Place)] = []

    init(checkExpression: @escaping @Sendable (String) -> String?) { self.checkExpression = checkExpression }

    /// The normal form; nil where something is wrong, which `problems` then holds.
    mutating func decode(_ source: SourceValue, as schema: ValueSchema, isSensitive: Bool = false) -> JSONValue? {
        if case .null = source.content {
            return report(source.place, "there is no value: give one or leave the field out")
        }
        switch schema {
        case .text(let rule): return text(source, rule, isSensitive: isSensitive).map(JSONValue.string)
        case .expression: return expression(source)
        case .duration(let range): return duration(source, range)
        case .choice(let words): return choice(source, words)
        case .integer(let range): return integer(source, range)
        case .size(let range): return size(source, range)
        case .number: return number(source)
        case .bool:
            guard case .bool(let flag) = source.content else { return wrongType(source, expected: "true or false") }
            return .bool(flag)
        case .set(let rule, let minimum): return set(source, rule, atLeast: minimum)
        case .matchers: return matchers(source)
        case .list(let item): return list(source, of: item)
        case .map(let keys, let values): return map(source, keys: keys, values: values)
        case .object(let object): return self.object(source, as: object)
        }
    }

    @discardableResult
    mutating func report(_ place: Place, _ message: String) -> JSONValue? {
        problems.append(Problem(place: place, message: message))
        return nil
    }

    private mutating func wrongType(
        _ source: SourceValue, expected: String, isSensitive: Bool = false
    ) -> JSONValue? {
        report(source.place, "expected \(expected), got \(description(of: source, isSensitive: isSensitive))")
    }

    private func description(of source: SourceValue, isSensitive: Bool) -> String {
        switch source.content {
        case .null: "nothing"
        case .bool(let flag): isSensitive ? "true or false" : "\(flag)"
        case .number(_, let text): isSensitive ? "a number" : "the number \(text)"
        case .string(let text): isSensitive ? "a text" : quoted(text)
        case .array: "a list"
        case .object: "a map"
        }
    }
}

// Scalars.
extension SchemaDecoder {
    /// The text as it is kept, where `rule` takes it.
    mutating func text(_ source: SourceValue, _ rule: TextRule, isSensitive: Bool = false) -> String? {
        guard case .string(let written) = source.content else {
            switch source.content {
            case .number(_, let text) where !isSensitive:
                report(
                    source.place,
                    "expected \(rule.expectation), got a number; a text is written in quotes: \(quoted(text))")
            case .bool(let flag):
                report(
                    source.place,
                    "expected \(rule.expectation), got true or false; a text is written in quotes: \"\(flag)\"")
            default: _ = wrongType(source, expected: rule.expectation, isSensitive: isSensitive)
            }
            return nil
        }
        let text: String = rule.isTrimmed ? trimmed(written) : written
        guard let objection = objection(to: text, rule) else {
            if let key = rule.reference.target(text) { references.append((key, source.place)) }
            return text
        }
        report(source.place, isSensitive || text.isEmpty ? objection : "\(objection), got \(quoted(text))")
        return nil
    }

    private func objection(to text: String, _ rule: TextRule) -> String? {
        if text.isEmpty { return "expected \(rule.expectation), got an empty text" }
        if let objection = controlCharacterObjection(text) { return objection }
        let length: Int = text.unicodeScalars.count
        guard length <= rule.longest else { return "expected at most \(rule.longest) characters, there are \(length)" }
        return rule.objection(text)
    }

    /// PostgreSQL's jsonb cannot hold U+0000, and no other control character belongs into a declaration.
    private func controlCharacterObjection(_ text: String) -> String? {
        guard text.utf8.contains(where: { ($0 < 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D) || $0 == 0x7F }) else {
            return nil
        }
        return "a text must not contain control characters"
    }

    private mutating func expression(_ source: SourceValue) -> JSONValue? {
        let rule = TextRule("a PromQL expression", longest: ValueSchema.longestExpression, isTrimmed: true)
        guard let text = text(source, rule) else { return nil }
        if let objection = checkExpression(text) { return report(source.place, objection) }
        return .string(text)
    }

    private mutating func duration(_ source: SourceValue, _ range: ClosedRange<PromDuration>) -> JSONValue? {
        switch source.content {
        case .number(let number, let text):
            let hint: String = number > 0 ? "; for seconds write \(quoted(text + "s"))" : ""
            return report(source.place, "expected a duration with a unit, such as \"30s\" or \"1h30m\"\(hint)")
        case .string(let text):
            guard let span = PromDuration(text) else {
                return report(source.place, "expected a duration such as \"30s\" or \"1h30m\", got \(quoted(text))")
            }
            guard range.contains(span) else {
                return report(
                    source.place, "expected a duration from \(range.lowerBound) to \(range.upperBound), got \(span)")
            }
            return .string(span.description)
        default: return wrongType(source, expected: "a duration such as \"30s\"")
        }
    }

    private mutating func choice(_ source: SourceValue, _ words: [String]) -> JSONValue? {
        guard case .string(let text) = source.content else {
            return wrongType(source, expected: alternatives(words))
        }
        guard words.contains(text) else {
            let hint: String = suggestion(for: text, among: words)
            return report(source.place, "expected \(alternatives(words)), got \(quoted(text))\(hint)")
        }
        return .string(text)
    }

    private mutating func integer(_ source: SourceValue, _ range: ClosedRange<Int>) -> JSONValue? {
        guard case .number(let number, let text) = source.content else {
            return wrongType(source, expected: "a whole number")
        }
        guard let integer = JSONValue.number(number).integer else {
            return report(source.place, "expected a whole number below 2^53, got \(quoted(text))")
        }
        guard range.contains(integer) else {
            return report(
                source.place, "expected a number from \(range.lowerBound) to \(range.upperBound), got \(integer)")
        }
        return .integer(integer)
    }

    private mutating func size(_ source: SourceValue, _ range: ClosedRange<Int>) -> JSONValue? {
        guard case .string(let written) = source.content else { return integer(source, range) }
        let text: String = trimmed(written)
        guard let bytes = ByteSize.bytes(text) else {
            return report(source.place, "expected a size such as \"20GiB\", or bytes, got \(quoted(text))")
        }
        guard range.contains(bytes) else {
            let (least, most) = (ByteSize.text(range.lowerBound), ByteSize.text(range.upperBound))
            return report(source.place, "expected a size from \(least) to \(most), got \(ByteSize.text(bytes))")
        }
        return .integer(bytes)
    }

    private mutating func number(_ source: SourceValue) -> JSONValue? {
        guard case .number(let number, let text) = source.content else {
            return wrongType(source, expected: "a number")
        }
        let isInexact: Bool = number == number.rounded() && number.magnitude > 9_007_199_254_740_991
        guard number.isFinite, !isInexact else {
            return report(source.place, "expected a finite number, if whole below 2^53, got \(quoted(text))")
        }
        return .number(number == 0 ? 0 : number)
    }
}

// Collections.
extension SchemaDecoder {
    private mutating func set(_ source: SourceValue, _ rule: TextRule, atLeast minimum: Int) -> JSONValue? {
        guard let items = items(source) else { return nil }
        guard items.count >= minimum else {
            return report(source.place, "expected at least \(minimum) of \(rule.expectation)")
        }
        var texts: [String] = []
        for item in items {
            guard let text = text(item, rule) else { continue }
            texts.append(text)
        }
        guard texts.count == items.count else { return nil }
        return .array(sortedUnique(texts).map(JSONValue.string))
    }

    private mutating func matchers(_ source: SourceValue) -> JSONValue? {
        guard let items = items(source) else { return nil }
        var texts: [String] = []
        for item in items {
            guard let text = text(item, .matcher), let matcher = LabelMatcher(text) else { continue }
            // With a second condition it is a selector in any case; its regular expressions are checked with it.
            if let objection = checkExpression("{\(matcher),x=\"x\"}") {
                report(item.place, "\(objection), in the matcher \(quoted(text))")
                continue
            }
            texts.append(matcher.description)
        }
        return texts.count == items.count ? .array(sortedUnique(texts).map(JSONValue.string)) : nil
    }

    private mutating func list(_ source: SourceValue, of schema: ValueSchema) -> JSONValue? {
        guard let items = items(source) else { return nil }
        var values: [JSONValue] = []
        for item in items {
            guard let value = decode(item, as: schema) else { continue }
            values.append(value)
        }
        return values.count == items.count ? .array(values) : nil
    }

    private mutating func items(_ source: SourceValue) -> [SourceValue]? {
        guard case .array(let items) = source.content else {
            _ = wrongType(source, expected: "a list")
            return nil
        }
        guard items.count <= ValueSchema.mostItems else {
            report(source.place, "expected at most \(ValueSchema.mostItems) items, there are \(items.count)")
            return nil
        }
        return items
    }

    private mutating func map(_ source: SourceValue, keys: TextRule, values: TextRule) -> JSONValue? {
        guard case .object(let entries) = source.content else { return wrongType(source, expected: "a map of texts") }
        guard entries.count <= Limits.labelsPerSeries else {
            return report(
                source.place, "expected at most \(Limits.labelsPerSeries) entries, there are \(entries.count)")
        }
        var members: [String: JSONValue] = [:]
        for entry in entries {
            let key: String? = text(SourceValue(content: .string(entry.key), place: entry.keyPlace), keys)
            if case .null = entry.value.content {
                report(entry.value.place, "there is no value: give one or leave the entry out")
                continue
            }
            guard let value = text(entry.value, values), let key else { continue }
            members[key] = .string(value)
        }
        return members.count == entries.count ? .object(members) : nil
    }

    /// The object with fields that equal their default left out.
    mutating func object(_ source: SourceValue, as schema: ObjectSchema) -> JSONValue? {
        guard case .object(let entries) = source.content else { return wrongType(source, expected: "a map") }
        let problemsBefore: Int = problems.count
        var members: [String: JSONValue] = [:]
        // Fields about which something was said already: rules and missing fields say nothing more of them.
        var faulty: Set<String> = []
        for entry in entries {
            guard let field = schema.field(named: entry.key) else {
                unknownField(entry, schema, faulty: &faulty)
                continue
            }
            let value: JSONValue? = decode(entry.value, as: field.schema, isSensitive: field.isSensitive)
            if value == nil { faulty.insert(field.name) }
            if value != field.defaultValue { members[field.name] = value }
        }
        let written: Set<String> = Set(entries.map(\.key))
        for field in schema.fields where field.isRequired && !written.contains(field.name) {
            guard !faulty.contains(field.name) else { continue }
            report(source.place, "\(quoted(field.name)) is missing")
        }
        for rule in schema.rules where faulty.isDisjoint(with: rule.fields) {
            check(rule, source, members, schema)
        }
        return problems.count == problemsBefore ? .object(members) : nil
    }

    private mutating func unknownField(_ entry: SourceValue.Entry, _ schema: ObjectSchema, faulty: inout Set<String>) {
        let known: [String] = schema.fields.map(\.name)
        if let meant = closest(to: entry.key, among: known) { faulty.insert(meant) }
        let hint: String = suggestion(for: entry.key, among: known)
        report(
            entry.keyPlace,
            "unknown field \(quoted(entry.key))\(hint.isEmpty ? "; known are \(known.joined(separator: ", "))" : hint)")
    }

    private mutating func check(
        _ rule: ObjectRule, _ source: SourceValue, _ members: [String: JSONValue], _ schema: ObjectSchema
    ) {
        switch rule {
        case .atMostOne(let first, let second):
            guard source.entry(first) != nil, let other = source.entry(second) else { return }
            report(other.keyPlace, "\(quoted(second)) and \(quoted(first)) exclude each other")
        case .exactlyOne(let first, let second):
            switch (source.entry(first), source.entry(second)) {
            case (nil, nil): report(source.place, "\(quoted(first)) or \(quoted(second)) is missing")
            case (_?, let other?):
                report(other.keyPlace, "\(quoted(second)) and \(quoted(first)) exclude each other")
            default: return
            }
        case .atLeastOne(let first, let second):
            guard members[first] == nil, members[second] == nil else { return }
            report(source.place, "\(quoted(first)) or \(quoted(second)) is missing")
        case .longer(let longer, let shorter):
            let values: [PromDuration?] = [longer, shorter].map { name in
                (members[name] ?? schema.field(named: name)?.defaultValue)?.string.flatMap { PromDuration($0) }
            }
            guard let long = values[0], let short = values[1], long <= short else { return }
            let place: Place = (source.entry(longer) ?? source.entry(shorter))?.value.place ?? source.place
            report(place, "\(quoted(longer)) (\(long)) must be longer than \(quoted(shorter)) (\(short))")
        case .anyOf(let names):
            guard names.allSatisfy({ members[$0] == nil }) else { return }
            report(source.place, "\(alternatives(names)) is missing")
        case .notLonger(let shorter, let longer):
            let values: [PromDuration?] = [shorter, longer].map { members[$0]?.string.flatMap { PromDuration($0) } }
            guard let short = values[0], let long = values[1], short > long, let entry = source.entry(shorter) else {
                return
            }
            report(
                entry.value.place, "\(quoted(shorter)) (\(short)) must not be longer than \(quoted(longer)) (\(long))")
        case .needs(let field, let choice, let values):
            let value: String = (members[choice] ?? schema.field(named: choice)?.defaultValue)?.string ?? ""
            guard values.contains(value), source.entry(field) == nil else { return }
            report(source.place, "\(quoted(field)) is missing, which \(quoted(choice)): \(value) needs")
        case .unique(let list, let field): checkUnique(source, list: list, by: field, members)
        case .suits(let object, let field, let objection):
            guard let text = members[field]?.string, case .object(let entries)? = source.entry(object)?.value.content
            else { return }
            for entry in entries {
                if let objection = objection(entry.key, text) { report(entry.keyPlace, objection) }
            }
        case .only(let field, let choice, let allowed):
            guard let entry = source.entry(field) else { return }
            let value: String = (members[choice] ?? schema.field(named: choice)?.defaultValue)?.string ?? ""
            guard !allowed.contains(value) else { return }
            report(
                entry.keyPlace, "\(quoted(field)) is only for \(quoted(choice)): \(allowed.joined(separator: " or "))")
        }
    }

    private mutating func checkUnique(
        _ source: SourceValue, list: String, by field: String, _ members: [String: JSONValue]
    ) {
        guard case .array(let items)? = source.entry(list)?.value.content else { return }
        var seen: Set<String> = []
        for (item, value) in zip(items, members[list]?.array ?? []) {
            guard let text = value[field]?.string, !seen.insert(text).inserted else { continue }
            report(
                item.entry(field)?.value.place ?? item.place,
                "another of \(quoted(list)) has the \(field) \(quoted(text)) already")
        }
    }
}

/// Sorted bytewise, each once. (Swift compares texts by canonical equivalence; digests are over bytes.)
func sortedUnique(_ texts: [String]) -> [String] {
    let sorted: [String] = texts.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    var unique: [String] = []
    for text in sorted where unique.last.map({ !$0.utf8.elementsEqual(text.utf8) }) ?? true { unique.append(text) }
    return unique
}

/// Without spaces, tabs and line ends around it.
func trimmed(_ text: String) -> String {
    let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
    let bytes: [UInt8] = Array(text.utf8)
    guard let first = bytes.firstIndex(where: { !isSpace($0) }), let last = bytes.lastIndex(where: { !isSpace($0) })
    else { return "" }
    return String(decoding: bytes[first...last], as: UTF8.self)
}
