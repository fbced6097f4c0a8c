import Testing

@Suite struct LogSourceSpecTests {
    @Test(arguments: [
        ("{journal: ['*']}", []),
        ("{containers: [web*], multiline: {stacktrace: true}}", []),
        ("{files: [/x.log], multiline: {stacktrace: false}}", []),
        (
            "{parser: json}",
            [#""files", "journal" or "containers" is missing"#]
        ),
        ("{files: [/x.log], journal: ['*']}", [#""journal" and "files" exclude each other"#]),
        ("{journal: ['*'], exclude: [/x]}", [#""journal" and "exclude" exclude each other"#]),
        (
            "{files: [/x.log], multiline: {start: '(', wait: 1s}}",
            [#"missing closing ) in the regular expression, got "(""#]
        ),
        (
            "{files: [/x.log], multiline: {wait: 2s}}",
            [#""start" or "stacktrace" is missing"#]
        ),
    ])
    func whatExcludesEachOtherIsRefused(spec: String, expected: [String]) {
        let found: [String] = problems(manifest("LogSource", "x", spec))
        #expect(found.count == expected.count)
        for (one, other) in zip(found, expected) {
            // Where it is said is the affair of other tests.
            #expect(one.hasSuffix(other))
        }
    }
}
