import Delivery
import Glibc
import Telemetry
import TestSupport

/// `plumb-agent` as a process of its own, over and over on the same state directory, with a clock that can be set and a
/// disk that can be full.
///
/// The disk is full when the kernel lets none of the agent's files grow (RLIMIT_FSIZE): for whoever writes that is the
/// same failure, and it needs no file system of its own.
final class FaultAgent {
    let host: String
    private let folder: TemporaryFolder
    private let arguments: [String]
    private let clock: FaultClock
    private var process: ChildProgram?

    init(host: String, server: String, token: String, clock: FaultClock) throws {
        self.host = host
        self.clock = clock
        folder = try TemporaryFolder()
        try folder.write(token, to: "token")
        arguments = [
            "run", "--server", server, "--token-file", folder("token"), "--state-dir", folder("state"), "--host", host,
        ]
    }

    var state: String { folder("state") }
    var isRunning: Bool { process.map { $0.status == nil } ?? false }
    /// What the process that runs, or ran last, said.
    private(set) var log = ""
    var output: String { process?.output ?? log }

    func start() throws {
        // A signal that is ignored stays so over exec: a write beyond the limit fails, and does not end the program.
        process = try ChildProgram(
            "/bin/sh", ["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", try BuiltPrograms.path("plumb-agent")] + arguments,
            environment: clock.environment)
    }

    func kill() {
        log = process?.output ?? log
        process?.kill()
        process = nil
    }

    /// Asks it to end, and waits.
    func stop() async throws {
        process?.signal(SIGTERM)
        let status: Int32? = try await process?.end(within: .seconds(30))
        log = process?.output ?? log
        process = nil
        // What was collected in the last moment may be in the spool.
        guard status == 0 || status == 3 else {
            throw TestSupportError("the agent ended with \(status ?? -1): \(log.suffix(2000))")
        }
    }

    /// From now on no file of the agent grows beyond so many bytes; nil: no limit. By util-linux, as the C library's
    /// header hides the call.
    func limitFiles(to bytes: Int?) async throws {
        guard let process else { return }
        let limit: String = bytes.map { "\($0):" } ?? "unlimited:"
        let set = try ChildProgram("/usr/bin/prlimit", ["--pid", "\(process.number)", "--fsize=\(limit)"])
        guard try await set.end() == 0 else { throw TestSupportError("cannot limit files: \(set.output)") }
    }

    /// Changes some bytes in the middle of the newest segment of the spool. The agent must not run.
    func damageSpool(_ random: inout Seeded) throws {
        let disk = FolderDisk(folder: "\(state)/delivery")
        guard let number = try disk.segments().max() else { throw TestSupportError("there is no spool") }
        let size: Int = try disk.read(number).count
        let descriptor: Int32 = open(disk.path(number), O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw TestSupportError("cannot write to the spool") }
        defer { close(descriptor) }
        let place = Int.random(in: size * 3 / 10...size * 6 / 10, using: &random)
        let noise: [UInt8] = (0..<Int.random(in: 1...200, using: &random)).map { _ in
            .random(in: 0 ... .max, using: &random)
        }
        guard pwrite(descriptor, noise, noise.count, off_t(place)) == noise.count else {
            throw TestSupportError("cannot write to the spool")
        }
    }

    /// What the spool says, and how many samples lie in it. The agent must not run.
    func account() throws -> (ledger: DeliveryLedger, spooled: Int) {
        let disk = FolderDisk(folder: "\(state)/delivery")
        let newLedger = DeliveryLedger(id: "none", since: .init(milliseconds: 0))
        var limits = SpoolLog.Limits()
        limits.age = .days(365)
        var queue = DeliveryQueue(spool: SpoolLog(disk: disk, limits: limits, newLedger: newLedger))
        let ledger: DeliveryLedger = queue.ledger
        var spooled = 0
        while let cargo = queue.take(allowingBacklog: true, now: .init(milliseconds: 0)) {
            spooled += cargo.samples
            queue.delivered(cargo, .init(taken: cargo.samples))
        }
        return (ledger, spooled)
    }
}

/// The segments of an agent that does not run, to be read: what is written goes nowhere.
private struct FolderDisk: SpoolDisk {
    let folder: String

    func path(_ number: Int) -> String {
        let digits = "\(number)"
        return "\(folder)/\(String(repeating: "0", count: 8 - digits.count))\(digits).spool"
    }

    func segments() throws(SpoolDiskError) -> [Int] {
        guard let stream = opendir(folder) else { throw SpoolDiskError("cannot list \(folder)") }
        defer { closedir(stream) }
        var numbers: [Int] = []
        while let entry = readdir(stream) {
            let name: String = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasSuffix(".spool"), let number = Int(name.dropLast(6)) { numbers.append(number) }
        }
        return numbers
    }

    func read(_ number: Int) throws(SpoolDiskError) -> [UInt8] {
        guard let bytes = try? readBytes(path(number)) else { throw SpoolDiskError("cannot read \(path(number))") }
        return bytes
    }

    func append(_ bytes: [UInt8], to number: Int) throws(SpoolDiskError) {}
    func remove(_ number: Int) throws(SpoolDiskError) {}
}

/// The clock of an agent: what it is told as the time of day is this machine's, moved by so many seconds. Clocks that only
/// run are as they are. A library that the agent is started with answers in the kernel's place.
final class FaultClock {
    private let folder: TemporaryFolder

    private static let source = """
        #define _GNU_SOURCE
        #include <fcntl.h>
        #include <stdlib.h>
        #include <sys/mman.h>
        #include <sys/syscall.h>
        #include <time.h>
        #include <unistd.h>

        static volatile long long *seconds;

        __attribute__((constructor)) static void find_offset(void) {
            const char *path = getenv("FAULT_CLOCK");
            int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
            void *page = file < 0 ? MAP_FAILED : mmap(0, 8, PROT_READ, MAP_SHARED, file, 0);
            if (page != MAP_FAILED) seconds = page;
        }

        int clock_gettime(clockid_t clock, struct timespec *time) {
            int result = syscall(SYS_clock_gettime, clock, time);
            if (result == 0 && clock == CLOCK_REALTIME && seconds) time->tv_sec += *seconds;
            return result;
        }
        """

    init() async throws {
        folder = try TemporaryFolder()
        try folder.write(Self.source, to: "clock.c")
        try folder.write([UInt8](repeating: 0, count: 8), to: "offset")
        let compiler = try ChildProgram(
            "/bin/sh",
            [
                "-c",
                "for cc in cc clang gcc; do if command -v $cc >/dev/null; then exec $cc -shared -fPIC -O1 -o \"$0\" \"$1\"; fi; done; exit 127",
                folder("clock.so"), folder("clock.c"),
            ])
        guard try await compiler.end() == 0 else { throw TestSupportError("no C compiler: \(compiler.output)") }
    }

    var environment: [String: String] { ["LD_PRELOAD": folder("clock.so"), "FAULT_CLOCK": folder("offset")] }

    /// Sets the clock to so many seconds ahead of this machine's.
    func set(ahead seconds: Int64) throws {
        let descriptor: Int32 = open(folder("offset"), O_WRONLY | O_CLOEXEC)
        defer { close(descriptor) }
        var value: Int64 = seconds
        guard pwrite(descriptor, &value, 8, 0) == 8 else { throw TestSupportError("cannot set the clock") }
    }
}

func readBytes(_ path: String) throws -> [UInt8] {
    let descriptor: Int32 = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw TestSupportError("cannot read \(path)") }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
        let count: Int = read(descriptor, &buffer, buffer.count)
        guard count > 0 else { return bytes }
        bytes += buffer[..<count]
    }
}
