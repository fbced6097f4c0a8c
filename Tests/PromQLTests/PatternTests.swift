import Patterns
import PromQL
import Testing

@Suite struct PatternTests {
    @Test(arguments: [
        ("web-1|web-2", "web-2", true), ("web-1|web-2", "web-3", false), ("web-.*", "web-", true), ("a", "ab", false),
        ("", "", true), ("(?i)Disk", "dISK", true), ("[^a-c]+", "xyz", true), ("[^a-c]+", "xay", false),
        ("a{2,3}", "aa", true), ("a{2,3}", "aaaa", false), ("a{", "a{", true), ("\\d+\\.\\w?", "12.x", true),
        ("^a$", "a", true), ("a.c", "a\nc", true), ("(a|ab)(c|bcd)", "abcd", true), ("(?:x)?y*?z", "yyz", true),
        ("[[:alpha:]_-]+", "a_-b", true), ("\\Qa.b\\E", "a.b", true), ("\\Qa.b\\E", "axb", false),
        ("é+", "éé", true), ("\\bfoo\\b.*", "foo bar", true), ("[\\]a]", "]", true), ("x*", "", true),
    ])
    func `matches as RE2 does`(pattern: String, text: String, matches: Bool) throws {
        #expect(try Pattern(pattern).matchesWhole(text) == matches)
    }

    @Test(arguments: ["(", "a)", "[a", "*", "a**", "\\", "(?=a)", "\\1", "[b-a]", "a{2000}", "((a{1000}){1000}){1000}"])
    func `refuses what RE2 refuses`(pattern: String) {
        #expect(throws: PatternError.self) { try Pattern(pattern) }
    }

    @Test func `matches in linear time`() throws {
        let pattern = try Pattern("(a*)*(a*)*(a|aa)+b")
        #expect(!pattern.matchesWhole(String(repeating: "a", count: 5_000)))
    }

    @Test func `gives what groups matched`() throws {
        let pattern = try Pattern("(?P<host>[a-z]+)-(\\d+)(x)?")
        #expect(pattern.captures(in: "web-12") == ["web-12", "web", "12", nil])
        #expect(pattern.captureNames == ["host": 1])
    }
}
