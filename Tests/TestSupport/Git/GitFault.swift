import Glibc

/// How a git server over HTTP can go wrong on the wire.
package enum GitFault: String, CaseIterable, Sendable {
    /// Takes the request and never says a word.
    case silence
    /// Begins a good answer and goes on with one byte now and then.
    case dripFeed
    /// Breaks the connection off in the middle of the pack.
    case resetWithinPack
    /// Ends in the middle of the pack as if that were all.
    case truncatedPack
    /// Sends a pack with bytes that were changed on the way.
    case damagedPack
    /// Redirects every request to another address of its own.
    case endlessRedirect

    /// Whether the fault is in the second answer, the one with the pack.
    var isWithinPack: Bool {
        switch self {
        case .silence, .dripFeed, .endlessRedirect: false
        case .resetWithinPack, .truncatedPack, .damagedPack: true
        }
    }

    /// Sends the answer as the fault has it. `head` is the head without its length and end.
    func send(head: String, body: [UInt8], to connection: Int32) {
        switch self {
        case .silence: Self.waitForEnd(connection)
        case .dripFeed:
            let bytes: [UInt8] = Self.head(head, length: body.count) + body
            for byte in bytes {
                guard Self.send([byte], to: connection) else { return }
                usleep(100_000)
            }
            Self.waitForEnd(connection)
        case .resetWithinPack:
            _ = Self.send(Self.head(head, length: body.count) + body.prefix(body.count / 2), to: connection)
            Self.reset(connection)
        case .truncatedPack:
            let half: [UInt8] = Array(body.prefix(body.count / 2))
            _ = Self.send(Self.head(head, length: half.count) + half, to: connection)
        case .damagedPack:
            var damaged: [UInt8] = body
            for index in stride(from: body.count / 3, to: body.count - 8, by: 97) { damaged[index] ^= 0x5A }
            _ = Self.send(Self.head(head, length: damaged.count) + damaged, to: connection)
        case .endlessRedirect: break
        }
    }

    private static func head(_ head: String, length: Int) -> [UInt8] {
        Array("\(head)Content-Length: \(length)\r\nConnection: close\r\n\r\n".utf8)
    }

    private static func send(_ bytes: [UInt8], to connection: Int32) -> Bool {
        var rest: ArraySlice<UInt8> = bytes[...]
        while !rest.isEmpty {
            let count: Int = rest.withUnsafeBytes {
                Glibc.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// Until the other end is gone.
    private static func waitForEnd(_ connection: Int32) {
        var byte: UInt8 = 0
        while recv(connection, &byte, 1, 0) > 0 {}
    }

    /// Connecting to no address at all makes the kernel send a reset.
    private static func reset(_ connection: Int32) {
        var nowhere = sockaddr()
        nowhere.sa_family = sa_family_t(AF_UNSPEC)
        _ = connect(connection, &nowhere, socklen_t(MemoryLayout<sockaddr>.size))
    }
}
