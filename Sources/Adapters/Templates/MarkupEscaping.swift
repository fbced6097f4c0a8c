import Mustache

/// Escapes sign by sign. The engine's own way goes by what Swift calls a character, where a `<` can be joined with its
/// neighbours (U+0600 before it is enough) and slips through.
struct MarkupEscaping: MustacheContentType {
    func escapeText(_ text: String) -> String { escapedMarkup(text) }
}

/// `text` for the content and the quoted attributes of HTML and XML.
package func escapedMarkup(_ text: String) -> String {
    var output = ""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "<": output += "&lt;"
        case ">": output += "&gt;"
        case "&": output += "&amp;"
        case "\"": output += "&quot;"
        case "'": output += "&#39;"
        default: output.unicodeScalars.append(scalar)
        }
    }
    return output
}
