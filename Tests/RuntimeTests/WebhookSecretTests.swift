import Runtime
import Telemetry
import Testing

/// With the values that the forges' and Standard Webhooks' documentation gives, and the headers that forges send.
@Suite struct WebhookSecretTests {
    private static let now = Timestamp(milliseconds: 1_614_265_330_000)
    private static let github = "It's a Secret to Everybody"
    private static let digest = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    private static let signing = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    private static let dated = [
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ]

    private func objection(
        _ secret: String, _ headers: [String: String], _ body: String, now: Timestamp = now
    ) -> String? {
        WebhookSecret(secret).objection(header: { headers[$0] }, body: Array(body.utf8), now: now)
    }

    @Test(arguments: [
        ["X-Hub-Signature-256": "sha256=" + digest], ["X-Gitea-Signature": digest], ["X-Forgejo-Signature": digest],
        ["X-Gogs-Signature": digest, "X-Hub-Signature-256": "sha256=" + digest],
        ["X-Gitlab-Token": github],
    ])
    func aWebhookOfTheForgeIsTaken(headers: [String: String]) {
        #expect(objection(Self.github, headers, "Hello, World!") == nil)
    }

    @Test(arguments: [
        ["X-Hub-Signature-256": "sha256=" + digest], ["X-Hub-Signature-256": digest], ["X-Gitea-Signature": digest],
        ["X-Forgejo-Signature": ""], ["X-Gogs-Signature": "sha256=" + digest],
    ])
    func anotherBodyOrAnotherFormIsRefused(headers: [String: String]) {
        #expect(objection(Self.github, headers, "Hello, World?")?.hasSuffix("another secret, or another body") == true)
    }

    @Test func anotherSecretOrNoneIsRefused() {
        #expect(objection("another", ["X-Hub-Signature-256": "sha256=" + Self.digest], "Hello, World!") != nil)
        #expect(objection("another", ["X-Gitlab-Token": Self.github], "") == "X-Gitlab-Token is another secret")
        #expect(objection(Self.github, [:], "") == "there is no signature: set the webhook's secret at the forge")
        // The old header of GitHub is a weaker digest; it is not looked at.
        #expect(objection(Self.github, ["X-Hub-Signature": "sha1=00"], "") != nil)
    }

    @Test func aForgedSignatureIsNotMadeUpForByTheRightToken() {
        let headers = ["X-Hub-Signature-256": "sha256=00", "X-Gitlab-Token": Self.github]
        #expect(objection(Self.github, headers, "Hello, World!") != nil)
    }

    @Test func aDatedSignatureIsTakenWhileItIsYoung() {
        let body = "{\"test\": 2432232314}"
        #expect(objection(Self.signing, Self.dated, body) == nil)
        for seconds: Int64 in [300, -300] {
            #expect(objection(Self.signing, Self.dated, body, now: Self.now + .seconds(seconds)) == nil)
        }
        for seconds: Int64 in [301, -301] {
            let objection: String? = objection(Self.signing, Self.dated, body, now: Self.now + .seconds(seconds))
            #expect(objection?.contains("webhook-timestamp") == true)
        }
        #expect(objection(Self.signing, Self.dated, body + " ") != nil)
        #expect(objection("whsec_!", Self.dated, body)?.contains("not base 64") == true)
    }

    /// A key of no bytes, or of a few, is one that everybody has.
    @Test func aSigningSecretWithoutAKeyIsRefused() {
        let message: [UInt8] = Array("\(Self.dated["webhook-id"] ?? "").1614265330.{}".utf8)
        for (secret, key) in [("whsec_=", []), ("whsec_==", []), ("whsec_MTIzNDU2", Array("123456".utf8))] {
            var headers: [String: String] = Self.dated
            headers["webhook-signature"] = "v1,\(encoded(Digests.hmacSHA256(message, key: key)))"
            #expect(objection(secret, headers, "{}")?.contains("whsec_") == true, "\(secret)")
        }
        for secret in ["", "whsec_"] {
            #expect(objection(secret, ["X-Gitlab-Token": secret], "{}")?.contains("empty") == true, "\(secret)")
        }
    }

    private func encoded(_ bytes: [UInt8]) -> String {
        let digits: [Character] = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        var text = ""
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group: ArraySlice<UInt8> = bytes[start..<min(start + 3, bytes.count)]
            let number: Int = (0..<3).reduce(0) { $0 << 8 | (start + $1 < bytes.count ? Int(bytes[start + $1]) : 0) }
            for place in 0...group.count { text.append(digits[number >> (18 - place * 6) & 63]) }
        }
        return text
    }

    @Test func oneOfSeveralDatedSignaturesIsEnough() {
        var headers: [String: String] = Self.dated
        headers["webhook-signature"] = "v1a,AAAA v1,AAAA \(Self.dated["webhook-signature"] ?? "")"
        #expect(objection(Self.signing, headers, "{\"test\": 2432232314}") == nil)
        headers["webhook-timestamp"] = nil
        #expect(objection(Self.signing, headers, "") == "webhook-id or webhook-timestamp is missing")
    }

    @Test(arguments: [("", []), ("Zg==", [102]), ("Zg", [102]), ("Zm9v", [102, 111, 111]), ("+/A=", [0xFB, 0xF0])])
    func base64IsDecoded(text: String, bytes: [UInt8]) { #expect(Base64.decode(text) == bytes) }

    @Test(arguments: ["Z", "Zg=a", "Z===", "Zm 9", "-_A="]) func whatIsNoBase64IsNone(text: String) {
        #expect(Base64.decode(text) == nil)
    }
}
