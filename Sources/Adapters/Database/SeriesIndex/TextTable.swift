/// Texts by number, each once: names, label names and values recur in thousands of series.
struct TextTable: Sendable {
    private var texts: [String] = []
    private var numbers: [String: UInt32] = [:]

    subscript(number: UInt32) -> String { texts[Int(number)] }

    /// The number of a text, where it is known.
    func number(of text: String) -> UInt32? { numbers[text] }

    mutating func intern(_ text: String) -> UInt32 {
        if let known = numbers[text] { return known }
        let number = UInt32(texts.count)
        texts.append(text)
        numbers[text] = number
        return number
    }

    /// About: two handles of a text and a number each, at three quarters full, and what is too long for its handle.
    var bytes: Int {
        texts.capacity * 16 + numbers.capacity * 25
            + texts.reduce(0) { $0 + ($1.utf8.count > 15 ? $1.utf8.count + 32 : 0) }
    }
}
