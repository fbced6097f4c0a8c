/// What is secret in a MongoDB address, so that it can be taken out of the library's error texts.
struct MongoAddress: Hashable, Sendable {
    private let secrets: [String]

    init(_ uri: String) {
        var secrets: [String] = []
        let rest: Substring = uri.split(separator: "//", maxSplits: 1).last ?? ""
        // A password that holds a slash or an at sign unescaped makes the address invalid; it is secret all the same.
        if let end = rest.lastIndex(of: "@") {
            let user: [Substring] = rest[..<end].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            if user.count == 2 { secrets += [String(user[1]), Self.decoded(user[1])] }
        }
        let options: Substring = rest.split(separator: "?", maxSplits: 1).dropFirst().last ?? ""
        for option in options.split(whereSeparator: { $0 == "&" || $0 == ";" }) {
            let parts: [Substring] = option.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, Self.secretOptions.contains(parts[0].lowercased()) else { continue }
            secrets += [String(parts[1]), Self.decoded(parts[1])]
        }
        self.secrets = Set(secrets).filter { !$0.isEmpty }.sorted { $0.utf8.count > $1.utf8.count }
    }

    /// The properties can hold a session's token.
    private static let secretOptions: Set<String> = ["tlscertificatekeyfilepassword", "authmechanismproperties"]

    /// `text` without the secrets.
    func redacted(_ text: String) -> String {
        secrets.reduce(text) { text, secret in
            text.split(separator: secret, omittingEmptySubsequences: false)
                .joined(separator: "…")
        }
    }

    /// `%40` is an at sign, and so on.
    private static func decoded(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest: Substring.UTF8View.SubSequence = text.utf8[...]
        while let byte = rest.first {
            let digits: Substring.UTF8View.SubSequence = rest.dropFirst().prefix(2)
            if byte == UInt8(ascii: "%"), digits.count == 2, let value = UInt8(String(Substring(digits)), radix: 16) {
                bytes.append(value)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
                rest = rest.dropFirst()
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
