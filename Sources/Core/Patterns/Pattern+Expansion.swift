extension Pattern {
    /// Go's `Regexp.Expand`: `template` with `$1`, `${1}` and `$name` replaced by what the groups matched, and `$$` by a
    /// dollar; nil where the whole of `text` does not match. A group that there is not, or that took no part, is empty.
    package func expansion(of template: String, matching text: String) -> String? {
        captures(in: text).map { expanded(template, $0) }
    }

    private func expanded(_ template: String, _ captures: [String?]) -> String {
        var output = ""
        var rest: Substring = template[...]
        while let dollar = rest.firstIndex(of: "$") {
            output += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            if rest.first == "$" {
                output += "$"
                rest = rest.dropFirst()
                continue
            }
            let isBraced: Bool = rest.first == "{"
            if isBraced { rest = rest.dropFirst() }
            let name: Substring = rest.prefix { $0 == "_" || $0.isLetter || $0.isNumber }
            guard !name.isEmpty, !isBraced || rest.dropFirst(name.count).first == "}" else {
                output += isBraced ? "${" : "$"
                continue
            }
            rest = rest.dropFirst(name.count + (isBraced ? 1 : 0))
            let index: Int? = Int(name) ?? captureNames[String(name)]
            if let index, index >= 0, index < captures.count { output += captures[index] ?? "" }
        }
        return output + rest
    }
}
