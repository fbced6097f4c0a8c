import HTTPTypes
package import Hummingbird
package import Telemetry

/// The browser's session: a token of scope `query` in a cookie that scripts cannot read.
package enum Session {
    package static let cookie = "plumb_session"
    package static let lifetime = PromDuration.hours(12)

    package static func token(in request: Request) -> String? {
        for header in request.headers[values: .cookie] {
            for pair in header.split(separator: ";") {
                let parts: [Substring] = pair.split(separator: "=", maxSplits: 1)
                guard parts.count == 2, parts[0].drop(while: { $0 == " " }) == cookie else { continue }
                return String(parts[1])
            }
        }
        return nil
    }

    /// Another site can make a browser send our cookie with a form. SameSite=Lax keeps it from POSTs already; here the
    /// origin must be ours too, for browsers that are older than that rule.
    package static func mayUseCookie(_ request: Request) -> Bool {
        if request.method == .get || request.method == .head { return true }
        guard let origin = request.headers[.origin], let authority = request.head.authority else { return false }
        return origin == "http://\(authority)" || origin == "https://\(authority)"
    }

    package static func setting(_ token: String, isSecure: Bool) -> String {
        "\(cookie)=\(token); Path=/; HttpOnly; SameSite=Lax; Max-Age=\(lifetime.milliseconds / 1000)"
            + (isSecure ? "; Secure" : "")
    }

    package static let clearing = "\(cookie)=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"
}
