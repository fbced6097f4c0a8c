import Glibc
import Testing

/// What the built agent is linked with. Imports say little of that: packages bring what they use.
@Suite struct LinkedLibraryTests {
    /// The built program beside the tests.
    private static func program(_ name: String) throws -> [UInt8] {
        let tests: String = try #require(realpath("/proc/self/exe", nil).map { String(cString: $0) })
        // The tests run in a program of the toolchain, or in their own.
        let candidates: [String] =
            [tests.split(separator: "/").dropLast().map { "/" + $0 }.joined(), SourceFiles.root + "/.build/debug"]
        for folder in candidates {
            guard let file = fopen("\(folder)/\(name)", "r") else { continue }
            defer { fclose(file) }
            fseek(file, 0, SEEK_END)
            let size: Int = ftell(file)
            rewind(file)
            return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
                count = fread(buffer.baseAddress, 1, size, file)
            }
        }
        throw SourceFiles.NotReadable(path: "\(candidates)/\(name)")
    }

    /// Foundation brings 45 MB of tables of the world's languages. FoundationEssentials has none; the HTTP client and
    /// the parser of arguments use it.
    @Test func theAgentHasNoFoundation() throws {
        let libraries: [String] = try ELF(try Self.program("plumb-agent")).neededLibraries()
        #expect(libraries.contains("libc.so.6"))
        let foreign: [String] = libraries.filter { $0.contains("Foundation") || $0.contains("ICU") }
        #expect(foreign == ["libFoundationEssentials.so"])
    }

    /// What only the server, the proxy and gitops-sync need.
    @Test func theAgentHasNoLibraryOfOthers() throws {
        let libraries: [String] = try ELF(try Self.program("plumb-agent")).neededLibraries()
        for name in ["libpq", "libgit2", "libmongoc", "libbson", "libyaml", "libcurl", "libssl", "libcrypto"] {
            #expect(!libraries.contains { $0.hasPrefix(name) }, "the agent is linked with \(name)")
        }
    }
}

/// As much of a 64-bit little-endian ELF file (elf(5)) as leads to the names of the libraries that it needs.
private struct ELF {
    private let bytes: [UInt8]

    private struct Damaged: Error {}

    private static let dynamicSection: UInt64 = 6
    private static let needed: UInt64 = 1

    init(_ bytes: [UInt8]) throws {
        guard bytes.count > 64, bytes.prefix(6) == [0x7F, 0x45, 0x4C, 0x46, 2, 1] else { throw Damaged() }
        self.bytes = bytes
    }

    private func number(_ place: Int, _ size: Int) throws -> UInt64 {
        guard place >= 0, place + size <= bytes.count else { throw Damaged() }
        return bytes[place..<place + size].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private func text(_ place: Int) -> String {
        String(decoding: bytes[place...].prefix { $0 != 0 }, as: UTF8.self)
    }

    func neededLibraries() throws -> [String] {
        let table = Int(try number(0x28, 8))
        let entrySize = Int(try number(0x3A, 2))
        let count = Int(try number(0x3C, 2))
        func section(_ index: Int) -> Int { table + index * entrySize }
        for index in 0..<count where try number(section(index) + 4, 4) == Self.dynamicSection {
            let start = Int(try number(section(index) + 0x18, 8))
            let size = Int(try number(section(index) + 0x20, 8))
            let names = Int(try number(section(Int(try number(section(index) + 0x28, 4))) + 0x18, 8))
            return try stride(from: start, to: start + size, by: 16).compactMap { entry in
                try number(entry, 8) == Self.needed ? text(names + Int(try number(entry + 8, 8))) : nil
            }
        }
        throw Damaged()
    }
}
