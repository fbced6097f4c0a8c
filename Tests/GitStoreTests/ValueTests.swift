import GitStore
import Testing

@Suite("Values of git")
struct ValueTests {
    @Test func anObjectIdIsFortyLowerCaseHexadecimalDigits() {
        let text = "0123456789abcdef0123456789abcdef01234567"
        #expect(ObjectID(hex: text)?.hex == text)
        #expect(ObjectID(hex: text)?.short == "0123456")
        #expect(ObjectID(hex: String(repeating: "0", count: 40))?.hex == String(repeating: "0", count: 40))
        for wrong in ["", "0123", text.uppercased(), text + "0", String(text.dropLast()) + "g"] {
            #expect(ObjectID(hex: wrong) == nil, "\(wrong)")
        }
    }

    @Test func textsOfErrorsShowNoUserInformationOfAddresses() {
        let error = GitError(
            .unreachable, operation: "fetching from https://bot:pa@ss@host/x?y=a@b",
            message: "no ssh://git@host:22/x, nor https://u@h and https://plain/@scope")
        #expect(error.operation == "fetching from https://host/x?y=a@b")
        #expect(error.message == "no ssh://host:22/x, nor https://h and https://plain/@scope")
    }

    @Test func aRemoteIsTheSameAfterItsJourneyAsJSON() throws {
        let remotes = [
            GitRemote(url: "/srv/config.git"),
            GitRemote(url: "https://h/x", credentials: .token(username: "bot", file: "/t"), authoritiesFile: "/ca"),
            GitRemote(
                url: "git@h:x", credentials: .key(file: "/k", passphraseFile: "/p"), knownHostsFile: "/n",
                usesProxy: false),
        ]
        for remote in remotes { #expect(try GitRemote(json: remote.json) == remote) }
    }
}
