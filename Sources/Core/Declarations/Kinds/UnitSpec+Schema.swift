import Telemetry

extension UnitSpec {
    static let schema = ObjectSchema(
        [
            .required(
                "unit", .text(.unitName),
                "The unit's name with its ending, such as plumb-server.service. It is installed already; gitops-sync "
                    + "changes those alone that its bootstrap config allows."),
            .optional("enabled", .bool, "Whether it starts with the machine. Left out: as it is."),
            .optional(
                "state", .choice(State.allCases.map(\.rawValue)),
                "Whether it runs now; a timer that runs is waiting. Left out: as it is."),
            .optional(
                "settings", .object(UnitSetting.schema),
                "Settings by systemd's names; they are written into the unit's drop-in."),
            .optional(
                "restartOn", .set(of: .resourceKey, atLeast: 0),
                "Resources, as Kind/name: when a commit changes one of them the unit is restarted, if it runs."),
        ],
        rules: [
            .anyOf(["enabled", "state", "settings"]),
            .suits("settings", to: "unit") { name, unit in
                guard let setting = UnitSetting(rawValue: name), !unit.hasSuffix(setting.section.suffix) else {
                    return nil
                }
                return "\(quoted(name)) is a setting of \(setting.section.rawValue.lowercased())s, not of \(unit)"
            },
        ])

    init(_ spec: NormalFormReader) {
        self.init(
            unit: spec.text("unit"), enabled: spec.isPresent("enabled") ? spec.bool("enabled") : nil,
            state: spec.isPresent("state") ? spec.choice("state") : nil,
            settings: UnitSetting.settings(spec.object("settings", UnitSetting.schema)),
            restartOn: spec.texts("restartOn").compactMap { ResourceKey($0) })
    }
}

extension UnitSetting {
    static let schema = ObjectSchema(
        UnitSetting.allCases.map { .optional($0.rawValue, $0.valueSchema, $0.documentation) })

    /// What a value of it may be.
    package var valueSchema: ValueSchema {
        switch self {
        case .onCalendar: .text(.calendar)
        case .onUnitActiveSec: .duration(.seconds(1) ... .days(365))
        case .randomizedDelaySec: .duration(.zero ... .days(1))
        case .memoryMax: .size((1 << 20)...(1 << 50))
        case .cpuQuota: .text(.percentage)
        case .nice: .integer(-20...19)
        }
    }

    private var documentation: String {
        switch self {
        case .onCalendar: "When a timer fires, by the clock, as systemd.time(7) has it."
        case .onUnitActiveSec: "How long after its last run a timer fires again."
        case .randomizedDelaySec: "A random delay of at most this is added to each time of a timer."
        case .memoryMax: "The most memory of a service, such as 1G; above it the kernel ends processes of it."
        case .cpuQuota: "The most CPU time of a service, in percent of one CPU."
        case .nice: "The priority of a service's processes, from -20 (first) to 19 (last)."
        }
    }

    fileprivate static func settings(_ reader: NormalFormReader) -> [UnitSetting: JSONValue] {
        var settings: [UnitSetting: JSONValue] = [:]
        for setting in allCases where reader.isPresent(setting.rawValue) {
            settings[setting] = reader.raw(setting.rawValue)
        }
        return settings
    }
}

extension TextRule {
    /// A unit that can be enabled and started: no template without its instance, no path. No dash at the end either: what
    /// is set for `a-.service` systemd sets for every service whose name begins with `a-`.
    static let unitName = TextRule(
        "the name of a unit that ends in .service, .timer or .socket",
        pattern: "^[A-Za-z0-9]([A-Za-z0-9:_.@-]*[A-Za-z0-9:_.@])?\\.(service|timer|socket)$", longest: 200,
        accepts: { text in
            let bytes = text.utf8
            guard let first = bytes.first, isAlphanumeric(first), !text.contains("@."),
                !namesManyUnits(text)
            else { return false }
            return bytes.allSatisfy { isAlphanumeric($0) || ":_.@-".utf8.contains($0) }
                && [".service", ".timer", ".socket"].contains { text.hasSuffix($0) && text != $0 }
        })

    /// Whether systemd applies the settings of a unit to all those whose names begin as its name does: what stands before
    /// the instance, or before the ending, ends with a dash.
    private static func namesManyUnits(_ name: String) -> Bool {
        let base: Substring = name.lastIndex(of: ".").map { name[..<$0] } ?? name[...]
        return base.hasSuffix("-") || base.prefix { $0 != "@" }.hasSuffix("-")
    }

    /// What can be a calendar event at all: whether it is one, systemd says when it is applied. No line end and no `%`,
    /// which would be more than a time.
    static let calendar = TextRule(
        "a calendar event such as \"daily\" or \"*:0/15\"", pattern: "^[A-Za-z0-9*:/,.~_+ -]+$", longest: 200,
        accepts: { text in
            text.utf8.allSatisfy { isAlphanumeric($0) || "*:/,.~_+ -".utf8.contains($0) }
                && (text.utf8.contains { "*:-".utf8.contains($0) } || calendarWords.contains(text))
        })

    private static let calendarWords: Set<String> = [
        "minutely", "hourly", "daily", "weekly", "monthly", "quarterly", "semiannually", "yearly", "annually",
    ]

    static let percentage = TextRule(
        "a percentage such as \"50%\"", pattern: "^[1-9][0-9]{0,5}%$", longest: 7,
        accepts: { text in
            let digits = text.utf8.dropLast()
            return text.utf8.last == UInt8(ascii: "%") && !digits.isEmpty && digits.first != UInt8(ascii: "0")
                && digits.allSatisfy { (0x30...0x39).contains($0) }
        })
}
