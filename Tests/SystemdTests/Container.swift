import Glibc
import Runtime
import Subprocess
import Synchronization
import SystemPackage
import TestSupport

/// A Debian with its own systemd, booted from a copy of the folder that `scripts/systemd-root` made. It has no network
/// but its own loopback, and ends with this value.
final class Container: Sendable {
    /// The folder that is its `/`.
    let root: String
    private let arguments: [String]
    private let running: Mutex<ChildProgram>
    private var process: ChildProgram { running.withLock { $0 } }

    /// Why no container can be booted here; nil where one can.
    static let obstacle: String? = {
        guard getuid() == 0 else { return "booting a container needs root" }
        for program in ["systemd-nspawn", "nsenter"] where access("/usr/bin/\(program)", X_OK) != 0 {
            return "\(program) is not installed"
        }
        guard let source else { return "there is no folder to boot; scripts/systemd-root makes it" }
        // Some places let nobody mount anything or make a control group.
        let trial = "systemd-nspawn --quiet --register=no --keep-unit --private-network --read-only --pipe"
        let status: Int32 = system("\(trial) --directory='\(source)' /bin/true >/dev/null 2>&1 </dev/null")
        return status == 0 ? nil : "systemd-nspawn cannot start a container here"
    }()

    /// The folder that is copied; nil where it was not made.
    private static let source: String? = {
        let script = "'\(repository)/scripts/systemd-root' --path"
        guard let pipe = popen(script, "r") else { return nil }
        var line = [CChar](repeating: 0, count: 4096)
        let isRead: Bool = fgets(&line, Int32(line.count), pipe) != nil
        guard pclose(pipe) == 0, isRead else { return nil }
        return String(decoding: line.prefix { $0 != 0 && $0 != 10 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }()

    static let repository: String = {
        let parts: [Substring] = #filePath.split(separator: "/")
        return "/" + parts.dropLast(3).joined(separator: "/")
    }()

    /// Boots it. `prepare` gets the folder before.
    init(_ prepare: (String) async throws -> Void) async throws {
        guard let source = Self.source else { throw TestSupportError("there is no folder to boot") }
        Self.removeLeftOvers()
        let name = "\(Self.prefix)\(getpid())-\(UInt32.random(in: 0 ... .max))"
        let root = "\(Self.folder)/\(name)"
        try await Self.run("/bin/cp", ["-a", "--reflink=auto", source, root])
        try await prepare(root)
        // The debug programs find the libraries of the toolchain at the place where they were linked.
        let libraries: String = try await Self.run(
            "/bin/sh",
            [
                "-c",
                "readelf -d '\(try BuiltPrograms.path("plumb-server"))' | sed -n 's/.*runpath: \\[\\([^:]*\\).*/\\1/p'",
            ])
        let folder: String = libraries.split(separator: "\n").first.map(String.init) ?? ""
        self.root = root
        arguments =
            [
                "--quiet", "--boot", "--register=no", "--keep-unit", "--private-network", "--machine=\(name)",
                "--directory=\(root)", "--console=pipe",
            ] + (folder.isEmpty ? [] : ["--bind-ro=\(folder)"])
        running = Mutex(try Self.start(arguments))
        try await waitUntilBooted()
    }

    deinit {
        if let leader { Glibc.kill(leader, SIGKILL) }
        process.kill()
        try? Files.removeTree(root)
    }

    /// Starts systemd-nspawn on a lifeline: it ends with the tests, however they end.
    private static func start(_ arguments: [String]) throws -> ChildProgram {
        let script = """
            exec 3<&0
            systemd-nspawn "$@" </dev/null &
            container=$!
            { cat <&3 >/dev/null; kill -KILL $container 2>/dev/null; } &
            wait $container
            """
        return try ChildProgram("/bin/sh", ["-c", script, "sh"] + arguments)
    }

    /// The container's PID 1, as this machine numbers it; nil while there is none.
    private var leader: Int32? {
        Self.child(of: process.number, named: "systemd-nspawn").flatMap { Self.child(of: $0, named: "systemd") }
    }

    private static func child(of parent: Int32, named name: String) -> Int32? {
        let children: String = (try? Files.text("/proc/\(parent)/task/\(parent)/children")) ?? ""
        return children.split(separator: " ").compactMap { Int32($0) }.first { child in
            ((try? Files.text("/proc/\(child)/comm")) ?? "") == "\(name)\n"
        }
    }

    /// Removes the folders of tests that were killed.
    private static func removeLeftOvers() {
        for name in Files.names(in: folder) where name.hasPrefix(prefix) {
            guard let owner = name.dropFirst(prefix.count).split(separator: "-").first.flatMap({ Int32($0) }) else {
                continue
            }
            if Glibc.kill(owner, 0) != 0, errno == ESRCH { try? Files.removeTree("\(folder)/\(name)") }
        }
    }

    private static let folder = "/var/tmp"
    private static let prefix = "plumb-test-"

    private func waitUntilBooted() async throws {
        _ = try await answered("systemd in the container", within: .seconds(60)) { () async throws -> Bool? in
            if let status = process.status {
                throw TestSupportError("systemd-nspawn ended with \(status): \(process.output)")
            }
            // Also where something has failed: the tests say what they miss.
            let state: String = try await shell("systemctl is-system-running || true")
            return ["running\n", "degraded\n"].contains(state) ? true : nil
        }
    }

    /// Runs a script as root in the container; throws with what it said where it fails.
    @discardableResult
    func shell(_ script: String) async throws -> String {
        guard let leader else { throw TestSupportError("the container has no PID 1: \(process.output.suffix(1000))") }
        return try await Self.run(
            "/usr/bin/nsenter",
            ["-t", "\(leader)", "-m", "-u", "-i", "-n", "-p", "-C", "--", "/bin/sh", "-euc", script])
    }

    /// As a reboot by hand: everything stops and starts again.
    func reboot() async throws {
        _ = try? await shell("systemctl reboot")
        let status: Int32 = try await process.end(within: .seconds(90))
        // So systemd-nspawn asks to be started anew, where it may not do that itself (--keep-unit).
        guard status == 133 else { throw TestSupportError("the container ended with \(status): \(process.output)") }
        let next = try Self.start(arguments)
        running.withLock { $0 = next }
        try await waitUntilBooted()
    }

    @discardableResult
    static func run(
        _ program: String, _ arguments: [String], environment: [String: String] = [:]
    ) async throws -> String {
        var variables: [Environment.Key: String] = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"]
        for (name, value) in environment {
            if let key = Environment.Key(rawValue: name) { variables[key] = value }
        }
        let result = try await Subprocess.run(
            .path(FilePath(program)), arguments: Arguments(arguments), environment: .custom(variables),
            output: .string(limit: 4 << 20), error: .string(limit: 1 << 20))
        guard case .exited(0) = result.terminationStatus else {
            throw TestSupportError(
                "\(program) \(arguments.last ?? ""): \(result.terminationStatus): \(result.standardOutput)\(result.standardError)"
            )
        }
        return result.standardOutput
    }
}
