package import Declarations
import Glibc
package import Runtime
package import Telemetry

/// The keys that tokens are signed with: one that signs, and while it is being replaced the one before it.
///
/// Kept in a file of mode 0600 that is made on first use. Whoever has it can make any token, so it never leaves the
/// machine.
package struct TokenKeys: Sendable, Equatable {
    /// The newest first: it signs. At most ``most``.
    package private(set) var keys: [Key]

    package static let most = 2

    package struct Key: Sendable, Equatable {
        package var id: String
        package var secret: [UInt8]
        package var createdAt: Timestamp
    }

    /// One fresh key of 256 bits.
    package static func generate(now: Timestamp) -> TokenKeys { TokenKeys(keys: [freshKey(now)]) }

    /// A new key signs from now on; tokens of the one before stay valid until the next rotation.
    package func rotated(now: Timestamp) -> TokenKeys {
        TokenKeys(keys: Array(([Self.freshKey(now)] + keys).prefix(Self.most)))
    }

    package var signing: Key { keys[0] }

    private init(keys: [Key]) { self.keys = keys }

    private static func freshKey(_ now: Timestamp) -> Key {
        Key(id: hexadecimal(randomBytes(8)), secret: randomBytes(32), createdAt: now)
    }

    /// Reads the file, or makes it with a fresh key; of several processes that do so at once one makes it.
    package static func loadOrCreate(_ path: String, now: Timestamp) throws(TokenKeysError) -> TokenKeys {
        do {
            return try load(path)
        } catch {
            guard case .file(let problem) = error, problem.isMissing else { throw error }
        }
        do {
            try Files.create(generate(now: now).json.canonical + [UInt8(ascii: "\n")], at: path, mode: 0o600)
        } catch {
            guard error.code == EEXIST else { throw .file(error) }
        }
        return try load(path)
    }

    package static func load(_ path: String) throws(TokenKeysError) -> TokenKeys {
        let bytes: [UInt8]
        do { bytes = try Files.read(path, limit: 64 << 10) } catch { throw .file(error) }
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & 0o077 == 0 else { throw .openToOthers(path) }
        do {
            return try TokenKeys(json: JSONValue(parsing: bytes))
        } catch { throw .malformed(path, "\(error)") }
    }

    /// Replaces the file.
    package func save(_ path: String) throws(TokenKeysError) {
        do { try Files.write(json.canonical + [UInt8(ascii: "\n")], to: path, mode: 0o600) } catch {
            throw .file(error)
        }
    }
}

extension TokenKeys: JSONCodable {
    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        keys = []
        for item in try reader.array("keys") {
            let entry = try JSONObjectReader(item, path: "/keys")
            guard let secret = Base64URL.decode(try entry.string("secret")), secret.count >= 32 else {
                throw entry.error("secret", "expected at least 32 bytes in base64url")
            }
            keys.append(Key(id: try entry.string("id"), secret: secret, createdAt: try entry.time("createdAt")))
        }
        guard (1...Self.most).contains(keys.count), Set(keys.map(\.id)).count == keys.count else {
            throw reader.error("keys", "expected one or two keys with different ids")
        }
    }

    package var json: JSONValue {
        [
            "version": 1,
            "keys": .array(
                keys.map {
                    [
                        "id": .string($0.id), "secret": .string(Base64URL.encode($0.secret)),
                        "createdAt": .time($0.createdAt),
                    ]
                }),
        ]
    }
}

/// Why the keys cannot be used.
package enum TokenKeysError: Error, Hashable, Sendable, CustomStringConvertible {
    case file(FileError)
    case openToOthers(String)
    case malformed(String, String)

    package var description: String {
        switch self {
        case .file(let error): "keys: \(error)"
        case .openToOthers(let path): "keys: others can read \(path); chmod 600 it, and rotate the keys"
        case .malformed(let path, let why): "keys: \(path) is not a keys file: \(why)"
        }
    }
}

/// Bytes from the kernel's generator.
package func randomBytes(_ count: Int) -> [UInt8] {
    var generator = SystemRandomNumberGenerator()
    return (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
}
