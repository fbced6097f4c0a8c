/// Counts the events of a `text/event-stream` as its bytes arrive. Comments keep the connection alive and are no events.
struct EventLines {
    private var line: [UInt8] = []
    private var hasData = false

    /// The number of events that end within `bytes`.
    mutating func events(in bytes: some Sequence<UInt8>) -> Int {
        var count = 0
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "\r"): continue
            case UInt8(ascii: "\n"):
                if line.isEmpty {
                    if hasData { count += 1 }
                    hasData = false
                } else if line.starts(with: "data".utf8) {
                    hasData = true
                }
                line.removeAll(keepingCapacity: true)
            default:
                // Only the field's name matters; a line without end must not fill the memory.
                if line.count < 16 { line.append(byte) }
            }
        }
        return count
    }
}
