/// The parts of an http or https URL that the core looks at.
struct WebURL: Hashable, Sendable {
    var scheme: String
    /// Host and port, as written.
    var authority: String

    /// Nil where ``objection(to:)`` has one.
    init?(_ text: String) {
        guard Self.objection(to: text) == nil, let parts = Self.split(text) else { return nil }
        (scheme, authority) = parts
    }

    /// Why `text` is no URL that may stand in a manifest. Does not repeat the text: it may hold a token.
    static func objection(to text: String) -> String? {
        guard !text.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F }) else { return "a URL must not contain spaces" }
        guard let (scheme, authority) = split(text), scheme == "http" || scheme == "https" else {
            return "expected a URL that begins with http:// or https://"
        }
        guard !authority.utf8.contains(UInt8(ascii: "@")) else {
            return "a URL must not contain user name or password: put the whole URL into a secret and name it"
                + " in secretRef"
        }
        return authorityObjection(authority)
    }

    // Works on bytes: as characters, a combining mark behind "@" would hide it.
    private static func split(_ text: String) -> (scheme: String, authority: String)? {
        let bytes: [UInt8] = Array(text.utf8)
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), bytes[colon...].starts(with: "://".utf8) else {
            return nil
        }
        let authority: ArraySlice<UInt8> = bytes[(colon + 3)...].prefix { !"/?#".utf8.contains($0) }
        return (
            String(decoding: bytes[..<colon], as: UTF8.self).lowercased(), String(decoding: authority, as: UTF8.self)
        )
    }

    private static func authorityObjection(_ authority: String) -> String? {
        let bytes: [UInt8] = Array(authority.utf8)
        var hostEnd: Int = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.count
        if bytes.first == UInt8(ascii: "[") {
            guard let bracket = bytes.firstIndex(of: UInt8(ascii: "]")) else {
                return "the URL's address has no closing ]"
            }
            hostEnd = bracket + 1
        }
        guard hostEnd > 0 else { return "the URL has no host" }
        guard hostEnd < bytes.count else { return nil }
        guard bytes[hostEnd] == UInt8(ascii: ":") else { return "the URL's host is malformed" }
        let digits: ArraySlice<UInt8> = bytes[(hostEnd + 1)...]
        guard digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let port = UInt16(String(decoding: digits, as: UTF8.self)), port > 0
        else { return "the URL's port must be from 1 to 65535" }
        return nil
    }
}
