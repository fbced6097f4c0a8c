/// Takes secrets out of what is logged: tokens (JWT, or behind `Bearer`) and passwords in URLs. A net below care, not
/// instead of it: errors of libraries quote what they were given.
package func withoutSecrets(_ text: String) -> String {
    // The usual line has none of these, and costs three searches.
    guard text.contains("eyJ") || text.contains("earer ") || text.contains("://") else { return text }
    return
        text
        .replacing(/eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]*/) { _ in "[token]" }
        .replacing(/([Bb]earer )[A-Za-z0-9._~+\/=\-]{8,}/) { "\($0.output.1)[token]" }
        .replacing(/(:\/\/[^\/\s:@"]*:)[^\/\s@"]+@/) { "\($0.output.1)[secret]@" }
}
