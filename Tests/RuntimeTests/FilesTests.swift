import Glibc
import Runtime
import TestSupport
import Testing

@Suite struct FilesTests {
    private func mode(_ path: String) -> UInt32? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o777 : nil
    }

    @Test func aFileIsReplacedAsAWholeWithItsMode() throws {
        let folder = try TemporaryFolder()
        let path: String = try folder.write("old", to: "file", mode: 0o600)
        let reader: Int32 = open(path, O_RDONLY)
        defer { close(reader) }
        try Files.write("new".utf8, to: path, mode: 0o664)
        #expect(try Files.text(path) == "new")
        #expect(mode(path) == 0o664, "whatever the umask")
        var buffer = [UInt8](repeating: 0, count: 8)
        #expect(read(reader, &buffer, 8) == 3)
        #expect(buffer.prefix(3) == ArraySlice("old".utf8), "who had it open keeps what it was")
    }

    @Test func aWriteThatFailsLeavesNothingBehind() throws {
        let folder = try TemporaryFolder()
        try Files.createFolder(folder("taken/inside"))
        #expect(throws: FileError.self) { try Files.write("x".utf8, to: folder("taken")) }
        #expect(try names(in: folder.path) == ["taken"])
        #expect(throws: FileError.self) { try Files.write("x".utf8, to: folder("missing/file")) }
    }

    @Test func ofManyWhoCreateAFileOneWinsAndItIsWhole() async throws {
        let folder = try TemporaryFolder()
        let path: String = folder("keys")
        let winners: [Int] = await withTaskGroup(of: Int?.self) { group in
            for number in 0..<20 {
                group.addTask {
                    let text = String(repeating: "\(number % 10)", count: 5000)
                    do { try Files.create(text.utf8, at: path, mode: 0o600) } catch { return nil }
                    return number
                }
            }
            return await group.reduce(into: []) { if let number = $1 { $0.append(number) } }
        }
        #expect(winners.count == 1)
        let text: String = try Files.text(path)
        #expect(text.count == 5000)
        #expect(Set(text) == Set("\((winners.first ?? 0) % 10)"))
        #expect(mode(path) == 0o600)
        #expect(try names(in: folder.path) == ["keys"])
    }

    @Test func whatIsTooLargeMissingOrNoTextIsNamed() throws {
        let folder = try TemporaryFolder()
        let path: String = try folder.write([0xFF, 0xFE], to: "bytes")
        #expect(throws: FileError(path: path, operation: "read", reason: "it is not UTF-8")) {
            try Files.text(path)
        }
        #expect(throws: FileError(path: path, operation: "read", reason: "it is larger than 1 bytes")) {
            try Files.read(path, limit: 1)
        }
        do throws(FileError) {
            _ = try Files.read(folder("none"))
            Issue.record("a missing file was read")
        } catch {
            #expect(error.isMissing)
            #expect("\(error)" == "cannot read \(folder("none")): No such file or directory")
        }
    }

    @Test func foldersAreMadeWithThoseAboveThemAndOnlyOnce() throws {
        let folder = try TemporaryFolder()
        try Files.createFolder(folder("a/b/c"), mode: 0o700)
        try Files.createFolder(folder("a/b/c"), mode: 0o700)
        #expect(mode(folder("a/b/c")) == 0o700)
    }

    private func names(in path: String) throws -> [String] {
        let folder = try #require(opendir(path))
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name: String = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }
}

@Suite struct ListenAddressTests {
    @Test(
        arguments: [
            ("127.0.0.1:7700", "127.0.0.1:7700", true), ("127.9.9.9:0", "127.9.9.9:0", true),
            ("localhost:80", "localhost:80", true), ("[::1]:7700", "[::1]:7700", true),
            (":7700", "0.0.0.0:7700", false), ("0.0.0.0:1", "0.0.0.0:1", false), ("[::]:1", "[::]:1", false),
            ("10.0.0.1:65535", "10.0.0.1:65535", false), ("127.0.0.1.example.org:1", "127.0.0.1.example.org:1", false),
            ("127.evil.0.1:1", "127.evil.0.1:1", false),
        ] as [(String, String, Bool)])
    func addressesAreReadAndKnownToBeOfThisMachine(text: String, written: String, isLoopback: Bool) throws {
        let address: ListenAddress = try #require(ListenAddress(text))
        #expect(address.description == written)
        #expect(address.isLoopback == isLoopback)
    }

    @Test(arguments: ["", "7700", "host", "host:", "host:65536", "host:-1", "::1:7700", "host:1x"])
    func whatIsNoAddressIsRefused(text: String) {
        #expect(ListenAddress(text) == nil)
    }
}
