import Delivery
import Glibc
import Runtime

/// The segments of a spool as the files of a folder, `00000001.spool` and so on.
///
/// What was appended outlives the agent at once, and the machine's power only when the kernel wrote it: at the end of a
/// segment that is forced, in between it is left to the kernel, which takes half a minute at most. To force every
/// collection to the disk would cost each host's disk more than its metrics are worth.
final class SpoolFolder: SpoolDisk {
    private let folder: String

    init(_ folder: String) { self.folder = folder }

    private func path(_ number: Int) -> String {
        let digits = String(number)
        return "\(folder)/\(String(repeating: "0", count: max(0, 8 - digits.count)))\(digits).spool"
    }

    func segments() throws(SpoolDiskError) -> [Int] {
        do { try Files.createFolder(folder, mode: 0o700) } catch { throw SpoolDiskError(error.description) }
        return Files.names(in: folder).compactMap { name in
            name.hasSuffix(".spool") ? Int(name.dropLast(6)) : nil
        }
    }

    func read(_ number: Int) throws(SpoolDiskError) -> [UInt8] {
        do { return try Files.read(path(number), limit: 64 << 20) } catch { throw SpoolDiskError(error.description) }
    }

    func append(_ bytes: [UInt8], to number: Int) throws(SpoolDiskError) {
        let path: String = path(number)
        let descriptor: Int32 = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("write", path) }
        defer { close(descriptor) }
        var rest: ArraySlice<UInt8> = bytes[...]
        while !rest.isEmpty {
            let written: Int = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0 {
                guard errno == EINTR else { throw failure("write", path) }
                continue
            }
            rest = rest.dropFirst(written)
        }
        if lseek(descriptor, 0, SEEK_CUR) == off_t(bytes.count) { try force(segmentBefore: number) }
    }

    /// A segment has begun: what is in the one before is made to last.
    private func force(segmentBefore number: Int) throws(SpoolDiskError) {
        let descriptor: Int32 = open(path(number - 1), O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        guard fdatasync(descriptor) == 0 else { throw failure("write", path(number - 1)) }
    }

    func remove(_ number: Int) throws(SpoolDiskError) {
        guard unlink(path(number)) == 0 || errno == ENOENT else { throw failure("remove", path(number)) }
    }

    private func failure(_ operation: String, _ path: String) -> SpoolDiskError {
        SpoolDiskError(Files.failure(operation, path).description)
    }
}
