/// Finds the events of a `text/event-stream` as its bytes arrive. Comments keep the connection alive and are no events.
struct EventLines {
    private var line: [UInt8] = []
    private var hasData = false
    private var name = ""

    /// Only the start of a line matters; one without end must not fill the memory.
    private static let lineLimit = 64

    /// The names of the events that end within `bytes`, `message` for those without one.
    mutating func events(in bytes: some Sequence<UInt8>) -> [String] {
        var names: [String] = []
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "\r"): continue
            case UInt8(ascii: "\n"):
                take(&names)
                line.removeAll(keepingCapacity: true)
            default: if line.count < Self.lineLimit { line.append(byte) }
            }
        }
        return names
    }

    private mutating func take(_ names: inout [String]) {
        if line.isEmpty {
            if hasData { names.append(name.isEmpty ? "message" : name) }
            hasData = false
            name = ""
        } else if line.starts(with: "data".utf8) {
            hasData = true
        } else if line.starts(with: "event:".utf8) {
            let value: Substring = String(decoding: line.dropFirst(6), as: UTF8.self).drop { $0 == " " }
            name = String(value)
        }
    }
}
