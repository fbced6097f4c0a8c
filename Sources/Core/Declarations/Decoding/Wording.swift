/// Text from outside for a message: in quotes, escaped, cut at 60 characters.
func quoted(_ text: String) -> String {
    let shown: String =
        text.unicodeScalars.count > 60 ? String(String.UnicodeScalarView(text.unicodeScalars.prefix(60))) + "…" : text
    return JSONValue.string(shown).canonicalText
}

/// `"a", "b" or "c"`.
func alternatives(_ words: [String]) -> String {
    let all: [String] = words.map(quoted)
    guard let last = all.last, all.count > 1 else { return all.first ?? "nothing" }
    return all.dropLast().joined(separator: ", ") + " or " + last
}

/// `; did you mean "expr"?` where one of `known` is spelled nearly like `text`, else nothing.
func suggestion(for text: String, among known: [String]) -> String {
    closest(to: text, among: known).map { "; did you mean \(quoted($0))?" } ?? ""
}

/// How many words are compared for one suggestion, so that a tree full of mistakes is still read in no time.
private let mostCompared = 200

/// The word of `known` that `text` is most likely a misspelling of: at most a third of its letters differ.
func closest(to text: String, among known: [String]) -> String? {
    guard text.utf8.count <= 64, known.count <= mostCompared else { return nil }
    let distances: [(word: String, distance: Int)] = known.map {
        ($0, editDistance(Array(text.lowercased().utf8), Array($0.lowercased().utf8)))
    }
    guard let best = distances.min(by: { $0.distance < $1.distance }) else { return nil }
    return best.distance <= max(1, best.word.utf8.count / 3) ? best.word : nil
}

/// Insertions, deletions and replacements of one letter, and swaps of two neighbours, that turn `left` into `right`.
private func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var beforeLast: [Int] = []
    var last: [Int] = Array(0...right.count)
    for row in 0..<left.count {
        var current: [Int] = [row + 1]
        for column in 0..<right.count {
            let replaced: Int = last[column] + (left[row] == right[column] ? 0 : 1)
            var best: Int = min(replaced, last[column + 1] + 1, current[column] + 1)
            if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                best = min(best, beforeLast[column - 1] + 1)
            }
            current.append(best)
        }
        (beforeLast, last) = (last, current)
    }
    return last[right.count]
}
