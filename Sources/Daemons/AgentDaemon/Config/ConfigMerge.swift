package import ConfigAPI

/// Decides what `config.json` holds after the server sent a config, from what it sent before and what the file holds.
///
/// A resource is the server's to change only when the server has something new to say of it. So an edit by hand stays,
/// is reported, and is undone by a resync and not by the next change of something else.
///
/// | sent before | sent now | in the file | afterwards |
/// | --- | --- | --- | --- |
/// | same digest as now | d | anything, or gone | as it is in the file |
/// | other digest, or not at all | d | anything, or gone | d |
/// | d | nothing | anything | gone, also where it was edited |
/// | nothing | nothing | l | l: somebody added it here |
/// | any | any, named in `resync` | any | as sent now |
///
/// Before anything was received, what the server sends replaces the whole file.
package enum ConfigMerge {
    package static func merged(
        received: AgentConfig, after earlier: AgentConfig?, into local: [AgentConfig.Item]
    ) -> [AgentConfig.Item] {
        guard let earlier else { return received.resources }
        let before: [String: AgentConfig.Item] = keyed(earlier.resources)
        let now: [String: AgentConfig.Item] = keyed(received.resources)
        let held: [String: AgentConfig.Item] = keyed(local)
        let resync = Set(received.resync)
        let keys = Set(before.keys).union(now.keys).union(held.keys)
        return keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.compactMap { key in
            if resync.contains(key) { return now[key] }
            guard before[key]?.digest == now[key]?.digest else { return now[key] }
            return held[key]
        }
    }

    private static func keyed(_ items: [AgentConfig.Item]) -> [String: AgentConfig.Item] {
        Dictionary(items.map { ("\($0.kind)/\($0.name)", $0) }) { _, last in last }
    }
}
