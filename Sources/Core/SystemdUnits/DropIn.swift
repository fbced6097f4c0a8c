package import Declarations
import Telemetry

/// The one drop-in of a unit that is ours: declared settings as systemd reads them, and back.
package enum DropIn {
    package static let fileName = "50-plumbline.conf"

    /// The path of a unit's drop-in below the folder of the machine's own units.
    package static func path(of unit: String, in folder: String) -> String { "\(folder)/\(unit).d/\(fileName)" }

    /// The text for some settings; nil where there are none, which is no file.
    package static func text(_ settings: [UnitSetting: JSONValue]) -> String? {
        guard !settings.isEmpty else { return nil }
        var lines: [String] = ["# Written by gitops-sync from the Unit in git. What is changed here is undone."]
        for section in UnitSetting.Section.allCases {
            let own = UnitSetting.allCases.filter { $0.section == section && settings[$0] != nil }
            guard !own.isEmpty else { continue }
            lines.append("[\(section.rawValue)]")
            if own.contains(where: \.isTime) { lines += cleared }
            for setting in own {
                guard let value = settings[setting].flatMap({ written($0, setting) }) else { continue }
                lines.append("\(setting.rawValue)=\(value)")
            }
        }
        return lines.map { $0 + "\n" }.joined()
    }

    /// An empty assignment clears every time of the shipped timer, also that after boot, and a timer without that one
    /// is dead after a restart of the machine when it counts from its last run.
    private static let cleared = ["OnCalendar=", "\(bootTime)"]
    private static let bootTime = "OnBootSec=1min"

    /// The settings in a drop-in, as a spec's `settings` holds them. What is not ours stands in it under its own name,
    /// so that it shows as a difference.
    package static func settings(in text: String) -> [String: JSONValue] {
        var found: [String: JSONValue] = [:]
        var section = ""
        // Clearing lines and names of times, in the order in which systemd takes them.
        var times: [String] = []
        for rawLine in text.split(separator: "\n") {
            let line: String = trimmed(rawLine)
            if line.isEmpty || line.hasPrefix("#") || line.hasPrefix(";") { continue }
            if line.hasPrefix("["), line.hasSuffix("]") {
                section = String(line.dropFirst().dropLast())
                continue
            }
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let (name, value) = (trimmed(parts[0]), parts.count > 1 ? trimmed(parts[1]) : "")
            if section == UnitSetting.Section.timer.rawValue, cleared.contains(line) {
                times.append(line)
                continue
            }
            if let setting = UnitSetting(rawValue: name), setting.section.rawValue == section {
                if setting.isTime { times.append(name) }
                found.add(read(value, setting), to: name)
            } else {
                found.add(.string(value), to: "\(section).\(name)")
            }
        }
        // Both lines belong before declared times. One without the other, behind a time, or without times, is somebody's
        // doing.
        let clearing: [String] = times.filter(cleared.contains)
        if clearing != (times == clearing ? [] : cleared) || !times.starts(with: clearing) {
            found["Timer.cleared"] = .array(clearing.map(JSONValue.string))
        }
        return found
    }

    /// As systemd takes it. Durations are Prometheus' in a spec, and systemd's months and years have other lengths.
    private static func written(_ value: JSONValue, _ setting: UnitSetting) -> String? {
        switch setting.valueSchema {
        case .duration: value.string.flatMap { PromDuration($0) }.map { "\($0.milliseconds)ms" }
        case .size, .integer: value.integer.map { "\($0)" }
        default: value.string
        }
    }

    private static func read(_ text: String, _ setting: UnitSetting) -> JSONValue {
        switch setting.valueSchema {
        case .duration:
            guard text.hasSuffix("ms"), let number = Int64(text.dropLast(2)), number >= 0 else { return .string(text) }
            return .string(PromDuration(milliseconds: number).description)
        case .size, .integer:
            return Int(text).map { .integer($0) } ?? .string(text)
        default: return .string(text)
        }
    }
}

extension UnitSetting {
    /// A time at which a timer fires.
    fileprivate var isTime: Bool { self == .onCalendar || self == .onUnitActiveSec }
}

private func trimmed(_ text: Substring) -> String {
    let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\r" }
    var rest = text.drop(while: isSpace)
    while rest.last.map(isSpace) == true { rest.removeLast() }
    return String(rest)
}

extension [String: JSONValue] {
    /// Times add up in systemd, and of others the last line counts: what is said twice shows as a list, which nothing that
    /// is declared equals.
    fileprivate mutating func add(_ value: JSONValue, to name: String) {
        switch self[name] {
        case nil: self[name] = value
        case .array(let earlier)?: self[name] = .array(earlier + [value])
        case let earlier?: self[name] = .array([earlier, value])
        }
    }
}
