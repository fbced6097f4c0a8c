@testable import HostSystem
import Runtime
import Testing

@Suite struct ProgramPagesTests {
    /// KiB of this process' code that are mapped.
    private func mappedCode() throws -> Int {
        var sum = 0
        var isCode = false
        for line in lines(try LinuxHostFiles().read("/proc/self/smaps")) {
            let parts: [Bytes] = fields(line)
            if parts.count > 4, parts[0].contains(UInt8(ascii: "-")) {
                isCode = ProgramPages.codeOfFile(line) != nil
            } else if isCode, parts.first?.equals("Rss:") == true {
                sum += Int(counter(parts[1]) ?? 0)
            }
        }
        return sum
    }

    @Test func whatRanOnceIsNotMappedAnyMoreAndEverythingStillRuns() throws {
        let before: Int = try mappedCode()
        ProgramPages.letGo()
        let after: Int = try mappedCode()
        #expect(before > 0)
        #expect(after < before, "\(before) KiB before, \(after) KiB after")
        #expect([3, 1, 2].sorted() == [1, 2, 3])
    }

    @Test func onlyCodeOfFilesIsLetGo() {
        func code(_ line: String) -> Range<UInt64>? { ProgramPages.codeOfFile(Array(line.utf8)[...]) }
        #expect(code("1000-3000 r-xp 00002000 fe:00 1234   /usr/bin/plumb-agent") == 0x1000..<0x3000)
        for line in [
            "1000-3000 r--p 00002000 fe:00 1234   /usr/bin/plumb-agent", "1000-3000 rwxp 00000000 00:00 0",
            "1000-3000 rw-p 00002000 fe:00 1234   /usr/bin/plumb-agent", "1000-3000 r-xp 00000000 00:00 0  [vdso]",
            "3000-1000 r-xp 00002000 fe:00 1234   /usr/bin/plumb-agent", "",
        ] {
            #expect(code(line) == nil, "\(line)")
        }
    }
}
