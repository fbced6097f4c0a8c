import Crypto
package import Declarations

/// The digests that the core is given: it holds no cryptography of its own.
package enum Digests {
    /// SHA-256, 32 bytes.
    package static let sha256: SHA256Function = { bytes in Array(SHA256.hash(data: bytes)) }

    /// HMAC with SHA-256 of `message` under `key`, 32 bytes.
    package static func hmacSHA256(_ message: some Sequence<UInt8>, key: some Sequence<UInt8>) -> [UInt8] {
        let key = SymmetricKey(data: Array(key))
        return Array(HMAC<SHA256>.authenticationCode(for: Array(message), using: key))
    }

    /// Whether two byte strings are equal, in a time that does not tell where they differ.
    package static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        var difference: UInt8 = 0
        for (one, other) in zip(left, right) { difference |= one ^ other }
        return difference == 0
    }
}
