/// A kind of declared thing. The raw value is its name in manifests.
package enum ResourceKind: String, CaseIterable, Hashable, Sendable {
    case hostGroup = "HostGroup"
    case notifier = "Notifier"
    case retention = "Retention"
    case alertRule = "AlertRule"
    case statusPage = "StatusPage"
    case collector = "Collector"
    case pipeline = "Pipeline"
    case logSource = "LogSource"
    case scrapeTarget = "ScrapeTarget"
    case unit = "Unit"

    /// The place that runs resources of this kind.
    package var target: TargetName {
        switch self {
        case .hostGroup, .notifier, .retention, .alertRule, .statusPage: .server
        case .collector, .logSource, .scrapeTarget: .agents
        case .pipeline: .proxy
        case .unit: .systemd
        }
    }
}

/// A place that holds live state. Agents have no store of their own: their resources are stored by the server.
package enum TargetName: String, CaseIterable, Hashable, Sendable {
    case server
    case agents
    case proxy
    /// The service manager of the machine that gitops-sync runs on.
    case systemd

    /// Where the resources of this target are kept.
    package var store: TargetName { self == .agents ? .server : self }
}

/// What identifies a resource: `AlertRule/cpu-high`.
package struct ResourceKey: Hashable, Comparable, Sendable, CustomStringConvertible {
    package var kind: ResourceKind
    package var name: String

    package init(_ kind: ResourceKind, _ name: String) {
        self.kind = kind
        self.name = name
    }

    /// Names tell nearly all resources apart, and sets of them are made by the ten thousand.
    package func hash(into hasher: inout Hasher) { hasher.combine(name) }

    /// By kind's name, then name, bytewise: the order of set digests.
    package static func < (left: ResourceKey, right: ResourceKey) -> Bool {
        // As the texts compare, without making them: a kind that begins another goes before it either way.
        left.kind == right.kind
            ? isBytewiseLess(left.name, right.name) : isBytewiseLess(left.kind.rawValue, right.kind.rawValue)
    }

    package var description: String { "\(kind.rawValue)/\(name)" }

    /// Reads `Kind/name`.
    package init?(_ text: String) {
        let parts: [Substring] = text.split(separator: "/", maxSplits: 1)
        guard parts.count == 2, let kind = ResourceKind(rawValue: String(parts[0])) else { return nil }
        self.init(kind, String(parts[1]))
    }

    /// Whether `text` is `[a-z0-9][a-z0-9-]{0,62}`.
    package static func isValidName(_ text: String) -> Bool {
        let bytes = text.utf8
        guard let first = bytes.first, first != UInt8(ascii: "-"), bytes.count <= 63 else { return false }
        return bytes.allSatisfy {
            ($0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "z")) || ($0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9"))
                || $0 == UInt8(ascii: "-")
        }
    }
}

/// As `lexicographicallyPrecedes` of the UTF-8 texts, in their storage: sorting ten thousand keys asks this 150,000 times.
private func isBytewiseLess(_ left: String, _ right: String) -> Bool {
    let isLess: Bool? =
        left.utf8.withContiguousStorageIfAvailable { left in
            right.utf8.withContiguousStorageIfAvailable { right in
                for place in 0..<min(left.count, right.count) where left[place] != right[place] {
                    return left[place] < right[place]
                }
                return left.count < right.count
            }
        } ?? nil
    return isLess ?? left.utf8.lexicographicallyPrecedes(right.utf8)
}
