/// One resource in normal form: its key and its spec with defaults left out, sets sorted and durations canonical.
///
/// Invariant: `digest` is the digest of `key` and `spec`. Resources are made by decoding (``ResourceDecoder``), so two
/// with equal meaning are equal.
package struct Resource: Hashable, Sendable {
    package let key: ResourceKey
    /// The normal form of the spec, an object.
    package let spec: JSONValue
    /// Lower-case hex of SHA-256 over the normal form.
    package let digest: String

    init(key: ResourceKey, spec: JSONValue, sha256: SHA256Function) {
        self.key = key
        self.spec = spec
        self.digest = hexadecimal(sha256(Self.normalForm(kind: key.kind.rawValue, name: key.name, spec: spec)))
    }

    /// RFC 8785 JSON of `{apiVersion, kind, name, spec}`.
    static func normalForm(kind: String, name: String, spec: JSONValue) -> [UInt8] {
        JSONValue.object([
            "apiVersion": .string(apiVersion), "kind": .string(kind), "name": .string(name), "spec": spec,
        ]).canonical
    }

    /// The version of the manifest language.
    package static let apiVersion = "plumbline/v1"
}

/// SHA-256 of bytes, 32 bytes long. Given to the core, which holds no cryptography.
package typealias SHA256Function = @Sendable ([UInt8]) -> [UInt8]

/// SHA-256 over the lines `kind/name digest\n`, sorted bytewise, in hex: the digest of a set of resources.
package func setDigest(
    of resources: some Sequence<(key: ResourceKey, digest: String)>, sha256: SHA256Function
) -> String {
    // Lines sort as their keys do: no name holds anything that comes before a space.
    let sorted: [(key: ResourceKey, digest: String)] = resources.sorted { $0.key < $1.key }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(sorted.count * 100)
    for line in sorted { appendSetDigestLine(of: line.key, digest: line.digest, to: &bytes) }
    return hexadecimal(sha256(bytes))
}

/// The line of one resource in ``setDigest(of:sha256:)``, for who digests the same resources again and again.
package func setDigestLine(of key: ResourceKey, digest: String) -> [UInt8] {
    var line: [UInt8] = []
    line.reserveCapacity(key.name.utf8.count + digest.utf8.count + 24)
    appendSetDigestLine(of: key, digest: digest, to: &line)
    return line
}

private func appendSetDigestLine(of key: ResourceKey, digest: String, to bytes: inout [UInt8]) {
    bytes += key.kind.rawValue.utf8
    bytes.append(UInt8(ascii: "/"))
    bytes += key.name.utf8
    bytes.append(UInt8(ascii: " "))
    bytes += digest.utf8
    bytes.append(UInt8(ascii: "\n"))
}

/// The same of lines in any order.
package func setDigest(ofLines lines: [[UInt8]], sha256: SHA256Function) -> String {
    let areSorted: Bool = !zip(lines, lines.dropFirst()).contains { $1.lexicographicallyPrecedes($0) }
    let sorted: [[UInt8]] = areSorted ? lines : lines.sorted { $0.lexicographicallyPrecedes($1) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(sorted.reduce(0) { $0 + $1.count })
    for line in sorted { bytes += line }
    return hexadecimal(sha256(bytes))
}

/// Lower-case hex of bytes.
package func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    let digits: [UInt8] = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}
