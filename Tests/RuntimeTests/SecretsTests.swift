import Glibc
import Runtime
import TestSupport
import Testing

@Suite struct SecretsTests {
    private func reason(_ secrets: Secrets, _ name: String) -> SecretError.Reason? {
        do throws(SecretError) {
            _ = try secrets.value(name)
            return nil
        } catch { return error.reason }
    }

    @Test func systemdsCredentialsGoBeforeTheFolder() throws {
        let folder = try TemporaryFolder()
        try folder.write("from systemd\n", to: "credentials/hook")
        try folder.write("from the folder", to: "own/hook")
        try folder.write("only here\n\n", to: "own/other")
        let secrets = Secrets(credentials: folder("credentials"), folder: folder("own"))
        #expect(try secrets.value("hook") == "from systemd")
        // One line feed is the editor's; a second one is meant.
        #expect(try secrets.value("other") == "only here\n")
    }

    @Test func aChangedValueIsUsedAtOnce() throws {
        let folder = try TemporaryFolder()
        let secrets = Secrets(credentials: nil, folder: folder.path)
        try folder.write("one", to: "hook")
        #expect(try secrets.value("hook") == "one")
        try folder.write("two", to: "hook")
        #expect(try secrets.value("hook") == "two")
    }

    @Test func whatEverybodyCanReadIsNoSecret() throws {
        let folder = try TemporaryFolder()
        try folder.write("value", to: "hook", mode: 0o644)
        let path: String = folder("hook")
        #expect(reason(Secrets(credentials: nil, folder: folder.path), "hook") == .readableByOthers(path))
    }

    @Test(arguments: ["", ".hidden", "../keys", "a/b", "a\0b", "naïve", String(repeating: "a", count: 129)])
    func namesCannotLeadOutOfTheFolder(name: String) throws {
        let folder = try TemporaryFolder()
        #expect(reason(Secrets(credentials: nil, folder: folder.path), name) == .invalidName)
    }

    @Test func missingAndEmptySecretsAreNamedWithoutTheirValue() throws {
        let folder = try TemporaryFolder()
        try folder.write("\n", to: "empty")
        let secrets = Secrets(credentials: nil, folder: folder.path)
        #expect(reason(secrets, "hook") == .missing([folder.path]))
        #expect(reason(secrets, "empty") == .unreadable("\(folder("empty")) is empty"))
        #expect(reason(Secrets(credentials: nil, folder: nil), "hook") == .missing([]))
    }
}

@Suite struct TokenFileTests {
    @Test func aReplacedFileIsReadAgain() throws {
        let folder = try TemporaryFolder()
        let file = TokenFile(path: folder("token"))
        try Files.write("first\n".utf8, to: folder("token"), mode: 0o600)
        #expect(try file.token() == "first")
        try Files.write("second\n".utf8, to: folder("token"), mode: 0o600)
        #expect(try file.token() == "second")
    }

    @Test func aRefusedTokenIsReadAgainEvenIfTheFileLooksTheSame() throws {
        let folder = try TemporaryFolder()
        let path: String = try folder.write("aaaa", to: "token")
        let file = TokenFile(path: path)
        #expect(try file.token() == "aaaa")
        var status = stat()
        #expect(stat(path, &status) == 0)
        try folder.write("bbbb", to: "token")
        var times = [status.st_atim, status.st_mtim]
        #expect(utimensat(AT_FDCWD, path, &times, 0) == 0)
        #expect(try file.token() == "aaaa", "same inode, size and time: nothing says that it changed")
        file.invalidate()
        #expect(try file.token() == "bbbb")
    }

    @Test(arguments: ["", "\n", "two words", "two\nlines", "na\u{EF}ve"])
    func aFileThatHoldsSomethingElseIsRefused(text: String) throws {
        let folder = try TemporaryFolder()
        let file = TokenFile(path: try folder.write(text, to: "token"))
        #expect(throws: FileError.self) { try file.token() }
    }
}
