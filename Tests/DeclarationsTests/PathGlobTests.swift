import Declarations
import Testing

@Suite struct PathGlobTests {
    @Test(arguments: [
        ("/var/log/*.log", "/var/log/a.log", true), ("/var/log/*.log", "/var/log/a/b.log", false),
        ("/var/log/*.log", "/var/log/.a.log", false), ("/var/log/.*", "/var/log/.a", true),
        ("/var/**/*.log", "/var/a.log", true), ("/var/**/*.log", "/var/a/b/c.log", true),
        ("/var/**/*.log", "/var/.a/c.log", true), ("/a/b", "/a/b", true), ("/a/b", "/a/bc", false),
        ("/a/[bc]?", "/a/c1", true), (#"/a/\*"#, "/a/*", true), (#"/a/\*"#, "/a/b", false),
    ])
    func aGlobMatchesNameByName(glob: String, path: String, matches: Bool) {
        #expect(PathGlob(glob).matches(path) == matches)
    }

    @Test(arguments: ["relative/*.log", "/", "/a/../b", "/a/", "", "/a/[b"])
    func whatIsNoPathOfAFileIsRefused(glob: String) {
        guard
            case .failure(let errors) = decoder.resource(
                kind: .logSource, name: "x", spec: ["files": [.string(glob)]])
        else {
            Issue.record("\(glob) is taken")
            return
        }
        #expect(errors.description.contains("/files/0") || errors.description.contains("files"))
    }
}
