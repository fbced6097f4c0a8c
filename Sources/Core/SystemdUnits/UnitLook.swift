package import Telemetry

/// What systemd says of one unit now, and what lies in its drop-in.
package struct UnitLook: Hashable, Sendable {
    package var unit: String
    /// `loaded`, `not-found`, `masked`, `bad-setting`, `error`.
    package var loadState: String
    /// `active`, `inactive`, `failed`, `activating`, …
    package var activeState: String
    /// `running`, `waiting`, `auto-restart`, …
    package var subState: String
    /// `enabled`, `disabled`, `static`, `masked`, …
    package var fileState: String
    /// Files of it changed since systemd read them.
    package var needsReload: Bool
    package var activeSince: Timestamp?
    package var changedAt: Timestamp?
    /// The text of our drop-in; nil where there is none.
    package var dropIn: String?
    package var dropInChangedAt: Timestamp?
    /// Paths of drop-ins that are not ours and not shipped.
    package var otherDropIns: [String]

    package init(
        unit: String, loadState: String = "loaded", activeState: String = "inactive", subState: String = "dead",
        fileState: String = "disabled", needsReload: Bool = false, activeSince: Timestamp? = nil,
        changedAt: Timestamp? = nil, dropIn: String? = nil, dropInChangedAt: Timestamp? = nil,
        otherDropIns: [String] = []
    ) {
        self.unit = unit
        self.loadState = loadState
        self.activeState = activeState
        self.subState = subState
        self.fileState = fileState
        self.needsReload = needsReload
        self.activeSince = activeSince
        self.changedAt = changedAt
        self.dropIn = dropIn
        self.dropInChangedAt = dropInChangedAt
        self.otherDropIns = otherDropIns
    }

    package var isInstalled: Bool { loadState != "not-found" }
    package var isEnabled: Bool { fileState == "enabled" }
    package var isMasked: Bool { loadState == "masked" || fileState == "masked" || fileState == "masked-runtime" }
    /// A unit that starts over and over counts as running: it is health that tells.
    package var isRunning: Bool { ["active", "activating", "reloading"].contains(activeState) }

    /// It runs since before its drop-in was written, so it runs without it. A time ahead of `now` tells nothing.
    package func isOlderThanDropIn(now: Timestamp) -> Bool {
        guard activeState == "active", let dropInChangedAt, let activeSince, dropInChangedAt <= now else {
            return false
        }
        return activeSince < dropInChangedAt
    }

    /// Why it is not well; nil where it is.
    package var complaint: String? {
        if loadState == "bad-setting" || loadState == "error" {
            return "systemd cannot load \(unit): systemctl status \(unit) says why"
        }
        if activeState == "failed" { return "\(unit) has failed: journalctl -u \(unit) says why" }
        if subState == "auto-restart" { return "\(unit) ends and is started again: journalctl -u \(unit) says why" }
        guard let other = otherDropIns.first else { return nil }
        return "\(unit) is also changed by \(other), which git does not know"
    }
}

extension UnitLook {
    /// The properties that are asked for.
    package static let properties = [
        "Id", "LoadState", "ActiveState", "SubState", "UnitFileState", "NeedDaemonReload", "ActiveEnterTimestamp",
        "StateChangeTimestamp", "DropInPaths",
    ]

    /// Reads what `systemctl show --timestamp=us+utc --property=… UNIT…` prints: blocks of `Name=value` in the order of
    /// the units, parted by empty lines. Nil where there is not one block for each.
    package static func looks(at units: [String], shown text: String) -> [UnitLook]? {
        let blocks: [[String: String]] = text.split(separator: "\n\n").map { block in
            let pairs: [(String, String)] = block.split(separator: "\n").compactMap { line in
                let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                return parts.count == 2 ? (String(parts[0]), String(parts[1])) : nil
            }
            return Dictionary(pairs) { first, _ in first }
        }
        guard blocks.count == units.count else { return nil }
        return zip(units, blocks).map { unit, block in UnitLook(unit, block) }
    }

    private init(_ unit: String, _ shown: [String: String]) {
        let ours = "/\(DropIn.fileName)"
        let dropIns: [String] = (shown["DropInPaths"] ?? "").split(separator: " ").map(String.init)
        self.init(
            unit: unit, loadState: shown["LoadState"] ?? "", activeState: shown["ActiveState"] ?? "",
            subState: shown["SubState"] ?? "", fileState: shown["UnitFileState"] ?? "",
            needsReload: shown["NeedDaemonReload"] == "yes", activeSince: time(shown["ActiveEnterTimestamp"]),
            changedAt: time(shown["StateChangeTimestamp"]),
            otherDropIns: dropIns.filter { path in
                !path.hasSuffix(ours) && !path.hasPrefix("/usr/lib/") && !path.hasPrefix("/lib/")
            })
    }
}

/// `Sat 2026-11-21 09:36:50.307300 UTC`.
private func time(_ text: String?) -> Timestamp? {
    let parts: [Substring] = (text ?? "").split(separator: " ")
    guard parts.count == 4, parts[3] == "UTC" else { return nil }
    return Timestamp(rfc3339: "\(parts[1])T\(parts[2])Z")
}
