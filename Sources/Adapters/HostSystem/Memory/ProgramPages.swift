import Glibc
import Runtime

/// The pages of code that are mapped into this process.
package enum ProgramPages {
    /// Lets go of all of them. What runs is mapped again as it is needed, from the kernel's cache; what ran once, at
    /// the start, is not.
    package static func letGo() {
        guard let maps = try? LinuxHostFiles().read("/proc/self/maps") else { return }
        for line in lines(maps) {
            guard let range = codeOfFile(line), let start = UnsafeMutableRawPointer(bitPattern: UInt(range.lowerBound))
            else { continue }
            // Nothing is lost: nobody writes to code, so that the file holds all of it.
            madvise(start, range.count, MADV_DONTNEED)
        }
    }

    /// The addresses of a line of `/proc/PID/maps` (proc(5)), where they are a file's code:
    /// `55d0c9a00000-55d0c9c00000 r-xp 00002000 fe:00 1234   /usr/bin/plumb-agent`
    static func codeOfFile(_ line: Bytes) -> Range<UInt64>? {
        var parts = Fields(line)
        guard let addresses = parts.next(), let dash = addresses.firstIndex(of: UInt8(ascii: "-")),
            let start = hexadecimalCounter(addresses[..<dash]),
            let end = hexadecimalCounter(addresses[(dash + 1)...]), start < end,
            parts.next()?.equals("r-xp") == true
        else { return nil }
        for _ in 0..<3 { _ = parts.next() }
        return parts.next()?.first == UInt8(ascii: "/") ? start..<end : nil
    }
}
