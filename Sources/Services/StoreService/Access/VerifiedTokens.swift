import ConfigAPIServer
import Synchronization

/// Tokens whose signature and claims were found right, by their digest, until they end. The tokens themselves are not
/// kept.
final class VerifiedTokens: Sendable {
    private struct Entry {
        var identity: Identity
        /// Seconds since 1970. A clock that was set back before the check says nothing about the token.
        var from: Double
        var to: Double
    }

    /// Two tokens for each of the largest number of hosts; more is somebody who makes tokens for fun.
    private static let most = 4096

    private let entries = Mutex<[[UInt8]: Entry]>([:])

    func identity(_ digest: [UInt8], now: Double) -> Identity? {
        entries.withLock { entries in
            guard let entry = entries[digest] else { return nil }
            guard now >= entry.from, now < entry.to else {
                entries[digest] = nil
                return nil
            }
            return entry.identity
        }
    }

    func remember(_ identity: Identity, _ digest: [UInt8], from: Double, to: Double) {
        entries.withLock { entries in
            if entries.count >= Self.most { entries = [:] }
            entries[digest] = Entry(identity: identity, from: from, to: to)
        }
    }

    func forgetAll() { entries.withLock { $0 = [:] } }
}
