import Crypto

/// The server's side of SCRAM-SHA-256 (RFC 7677) on one connection, for one user.
struct ScramConversation {
    private let credentials: Credentials
    private var firstMessages = ""
    private var nonce = ""
    private(set) var isDone = false

    struct Credentials: Hashable {
        var user: String
        var password: String
    }

    /// The same each time: it only has to be one. libmongoc wants 28 bytes, as MongoDB sends them.
    private static let salt: [UInt8] = Array("a salt of twenty-eight bytes".utf8)
    /// The fewest that clients accept.
    private static let rounds = 4096

    init(_ credentials: Credentials) { self.credentials = credentials }

    /// The answer to `n,,n=user,r=nonce`; nil where it is for another user.
    mutating func start(_ payload: [UInt8]) -> [UInt8]? {
        let text = String(decoding: payload, as: UTF8.self)
        guard text.hasPrefix("n,,") else { return nil }
        let bare = String(text.dropFirst(3))
        let fields: [Character: String] = Self.fields(bare)
        guard fields["n"] == credentials.user, let theirs = fields["r"] else { return nil }
        nonce = theirs + "fromthedouble"
        let answer = "r=\(nonce),s=\(Self.base64(Self.salt)),i=\(Self.rounds)"
        firstMessages = "\(bare),\(answer)"
        return Array(answer.utf8)
    }

    /// The answer to `c=biws,r=nonce,p=proof`; nil where the proof is none.
    mutating func finish(_ payload: [UInt8]) -> [UInt8]? {
        let text = String(decoding: payload, as: UTF8.self)
        let fields: [Character: String] = Self.fields(text)
        guard fields["r"] == nonce, let proof = fields["p"], let end = text.lastIndex(of: ",p=") else { return nil }
        let messages: [UInt8] = Array("\(firstMessages),\(text[..<end])".utf8)
        let salted: [UInt8] = Self.salted(Array(credentials.password.utf8))
        let clientKey: [UInt8] = Self.hmac(salted, Array("Client Key".utf8))
        let signature: [UInt8] = Self.hmac(Array(SHA256.hash(data: clientKey)), messages)
        guard Self.base64(zip(clientKey, signature).map { $0 ^ $1 }) == proof else { return nil }
        isDone = true
        return Array("v=\(Self.base64(Self.hmac(Self.hmac(salted, Array("Server Key".utf8)), messages)))".utf8)
    }

    private static func fields(_ text: String) -> [Character: String] {
        var fields: [Character: String] = [:]
        for part in text.split(separator: ",") {
            guard let name = part.first, part.dropFirst().first == "=" else { continue }
            fields[name] = String(part.dropFirst(2))
        }
        return fields
    }

    private static func hmac(_ key: [UInt8], _ message: [UInt8]) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: message, using: SymmetricKey(data: key)))
    }

    /// PBKDF2 with one block.
    private static func salted(_ password: [UInt8]) -> [UInt8] {
        var last: [UInt8] = hmac(password, salt + [0, 0, 0, 1])
        var sum: [UInt8] = last
        for _ in 1..<rounds {
            last = hmac(password, last)
            for place in sum.indices { sum[place] ^= last[place] }
        }
        return sum
    }

    private static func base64(_ bytes: [UInt8]) -> String {
        let alphabet: [Character] = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        var text = ""
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group: ArraySlice<UInt8> = bytes[start..<min(start + 3, bytes.count)]
            let bits: Int = (0..<3).reduce(0) { $0 << 8 | ($1 < group.count ? Int(group[start + $1]) : 0) }
            for place in 0..<4 { text.append(place <= group.count ? alphabet[bits >> (18 - 6 * place) & 63] : "=") }
        }
        return text
    }
}

extension String {
    /// Where the last `part` is; without Foundation.
    fileprivate func lastIndex(of part: String) -> Index? {
        var place: Index = endIndex
        while place > startIndex {
            place = index(before: place)
            if self[place...].hasPrefix(part) { return place }
        }
        return nil
    }
}
