package import Telemetry

/// Fills `{{ $value }}`, `{{ $labels.NAME }}` and the same without `$` into an annotation. Anything else in braces stays as it
/// is, so a typing error is seen by the reader instead of losing the notification.
package func filled(_ template: String, labels: Labels, value: Double) -> String {
    var output = ""
    var rest = Substring(template)
    while let open = rest.firstRange(of: "{{") {
        output += rest[..<open.lowerBound]
        guard let close = rest[open.upperBound...].firstRange(of: "}}") else {
            return output + rest[open.lowerBound...]
        }
        let whole: Substring = rest[open.lowerBound..<close.upperBound]
        let expression = String(rest[open.upperBound..<close.lowerBound].filter { $0 != " " })
        output += replacement(expression, labels: labels, value: value) ?? String(whole)
        rest = rest[close.upperBound...]
    }
    return output + rest
}

private func replacement(_ expression: String, labels: Labels, value: Double) -> String? {
    let name: Substring = expression.hasPrefix("$") ? expression.dropFirst() : Substring(expression)
    if name == "value" || name == ".Value" { return readable(value) }
    if name.hasPrefix("labels.") { return labels[String(name.dropFirst("labels.".count))] ?? "" }
    return nil
}

/// Four significant digits are enough for a person.
package func readable(_ value: Double) -> String {
    guard value.isFinite else { return "\(value)" }
    guard value != 0, value.magnitude < 1e15 else { return value == 0 ? "0" : "\(value)" }
    var scale = 1.0
    while value.magnitude * scale < 1000, scale < 1e6 { scale *= 10 }
    let rounded: Double = (value * scale).rounded() / scale
    return rounded == rounded.rounded() ? "\(Int64(rounded))" : "\(rounded)"
}
