/// What a commit message can allow with the trailer `Plumbline-Allow`.
package enum Permission: String, CaseIterable, Hashable, Sendable {
    case prune, adopt, retention, noise
    case lastNotifier = "last-notifier"
}

/// The permissions that commit messages give.
///
/// The trailer counts on any line but the subject: a squash merge puts the trailers of the single commits into the
/// middle of its message. Several permissions stand on one line with commas or blanks between them.
package func permissions(in messages: some Sequence<String>) -> Set<Permission> {
    var found: Set<Permission> = []
    for message in messages {
        for line in message.split(separator: "\n", omittingEmptySubsequences: false).dropFirst() {
            found.formUnion(permissions(inLine: line))
        }
    }
    return found
}

private func permissions(inLine line: Substring) -> [Permission] {
    let parts: [Substring] = line.split(separator: ":", maxSplits: 1)
    guard parts.count == 2, parts[0].lowercased() == "plumbline-allow" else { return [] }
    return parts[1].split { ", \t\r".contains($0) }.compactMap { Permission(rawValue: $0.lowercased()) }
}
