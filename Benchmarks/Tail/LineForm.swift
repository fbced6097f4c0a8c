/// Forms of log lines, as programs write them.
enum LineForm: String, CaseIterable, Sendable {
    case plain, syslog, access, logfmt, json

    /// Lines of this form, at least so many bytes of them, each with its line feed.
    func lines(atLeast bytes: Int) -> (text: [UInt8], count: Int) {
        var text: [UInt8] = []
        text.reserveCapacity(bytes + 400)
        var count = 0
        while text.count < bytes {
            text += line(count).utf8
            text.append(0x0A)
            count += 1
        }
        return (text, count)
    }

    private func line(_ number: Int) -> String {
        let customer: Int = number * 7919 % 100_000
        let milliseconds: Int = number * 104_729 % 2000
        let micros = "\(100_000 + number % 900_000)"
        let level: String = ["info", "info", "info", "warn", "debug", "error"][number % 6]
        let path = "/api/v2/customers/\(customer)/orders?page=\(number % 40)"
        switch self {
        case .plain:
            return "2026-11-21 03:09:42.\(micros) \(level.uppercased()) [worker-\(number % 16)] order \(number) of "
                + "customer \(customer) was delivered after \(milliseconds) ms, 3 of 3 parts in stock"
        case .syslog:
            return "Nov 21 03:09:42 web-1 orders[\(1000 + number % 9)]: order \(number) of customer \(customer) was "
                + "delivered after \(milliseconds) ms, 3 of 3 parts in stock"
        case .access:
            return
                "10.0.\(number % 250).\(customer % 250) - - [21/Nov/2026:03:09:42 +0000] \"GET \(path) HTTP/1.1\" 200 "
                + "\(milliseconds * 17) \"https://shop.example.org/cart\" \"Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0\""
        case .logfmt:
            return "time=2026-11-21T03:09:42.\(micros)Z level=\(level) msg=\"order delivered\" order=\(number) "
                + "customer=\(customer) duration=\(milliseconds)ms path=\"\(path)\" worker=\(number % 16)"
        case .json:
            return "{\"time\":\"2026-11-21T03:09:42.\(micros)Z\",\"level\":\"\(level)\",\"msg\":\"order delivered\","
                + "\"order\":\(number),\"customer\":\(customer),\"durationMs\":\(milliseconds),\"path\":\"\(path)\","
                + "\"worker\":\"worker-\(number % 16)\"}"
        }
    }
}
