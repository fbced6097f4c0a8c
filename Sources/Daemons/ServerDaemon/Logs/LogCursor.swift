import Database
import Declarations
import StoreService
import Telemetry

/// Where the next page of a search begins. Opaque to clients, and good for the search that gave it only: with other
/// filters or the other direction it would skip lines without a word.
enum LogCursor {
    static func text(of place: LogQuery.Place, _ query: LogQuery) -> String {
        Base64URL.encode(Array("1 \(place.time.microseconds) \(place.id) \(mark(of: query))".utf8))
    }

    /// Nil where the text is no cursor of this search.
    static func place(_ text: String, _ query: LogQuery) -> LogQuery.Place? {
        guard let bytes = Base64URL.decode(text) else { return nil }
        let parts: [Substring] = String(decoding: bytes, as: UTF8.self).split(separator: " ")
        guard parts.count == 4, parts[0] == "1", let time = Int64(parts[1]), let id = Int(parts[2]),
            parts[3] == mark(of: query), time.magnitude < 250_000_000_000_000_000
        else { return nil }
        return LogQuery.Place(time: Timestamp(microseconds: time), id: id)
    }

    /// FNV-1a over what the search asks for, apart from the place and the size of a page.
    private static func mark(of query: LogQuery) -> String {
        let parts: [String?] = [
            query.host, query.source, query.path, query.text, query.level?.rawValue, query.direction.rawValue,
            query.from.map { "\($0.microseconds)" }, query.to.map { "\($0.microseconds)" },
            query.labels.json.canonicalText,
        ]
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for part in parts {
            for byte in (part.map { "=\($0)" } ?? "-").utf8 + [0] { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        }
        return String(hash, radix: 16)
    }
}
