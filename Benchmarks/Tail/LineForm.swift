import Runtime
import Telemetry

/// Forms of log lines, as programs write them.
enum LineForm: String, CaseIterable, Sendable {
    case plain, syslog, access, logfmt, json

    /// Lines of this form, at least so many bytes of them, each with its line feed.
    func lines(atLeast bytes: Int) -> (text: [UInt8], count: Int) {
        let moment = Moment(.now())
        var text: [UInt8] = []
        text.reserveCapacity(bytes + 400)
        var count = 0
        while text.count < bytes {
            text += line(count, moment).utf8
            text.append(0x0A)
            count += 1
        }
        return (text, count)
    }

    /// The second in which all lines are written: a server refuses those that are too old.
    private struct Moment {
        /// `2026-11-21`
        var date: String
        /// `03:09:42`
        var time: String
        var day: String
        /// `Nov`
        var month: String
        var year: String

        init(_ now: Timestamp) {
            let text: [Character] = Array(now.rfc3339)
            let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
            date = String(text[0..<10])
            time = String(text[11..<19])
            day = String(text[8..<10])
            year = String(text[0..<4])
            month = months[(Int(String(text[5..<7])) ?? 1) - 1]
        }
    }

    private func line(_ number: Int, _ moment: Moment) -> String {
        let customer: Int = number * 7919 % 100_000
        let milliseconds: Int = number * 104_729 % 2000
        let micros = "\(100_000 + number % 900_000)"
        let level: String = ["info", "info", "info", "warn", "debug", "error"][number % 6]
        let path = "/api/v2/customers/\(customer)/orders?page=\(number % 40)"
        switch self {
        case .plain:
            return
                "\(moment.date) \(moment.time).\(micros) \(level.uppercased()) [worker-\(number % 16)] order \(number) of "
                + "customer \(customer) was delivered after \(milliseconds) ms, 3 of 3 parts in stock"
        case .syslog:
            return
                "\(moment.month) \(moment.day) \(moment.time) web-1 orders[\(1000 + number % 9)]: order \(number) of customer \(customer) was "
                + "delivered after \(milliseconds) ms, 3 of 3 parts in stock"
        case .access:
            return
                "10.0.\(number % 250).\(customer % 250) - - [\(moment.day)/\(moment.month)/\(moment.year):\(moment.time) +0000] \"GET \(path) HTTP/1.1\" 200 "
                + "\(milliseconds * 17) \"https://shop.example.org/cart\" \"Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0\""
        case .logfmt:
            return
                "time=\(moment.date)T\(moment.time).\(micros)Z level=\(level) msg=\"order delivered\" order=\(number) "
                + "customer=\(customer) duration=\(milliseconds)ms path=\"\(path)\" worker=\(number % 16)"
        case .json:
            return
                "{\"time\":\"\(moment.date)T\(moment.time).\(micros)Z\",\"level\":\"\(level)\",\"msg\":\"order delivered\","
                + "\"order\":\(number),\"customer\":\(customer),\"durationMs\":\(milliseconds),\"path\":\"\(path)\","
                + "\"worker\":\"worker-\(number % 16)\"}"
        }
    }
}
