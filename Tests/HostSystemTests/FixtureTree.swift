import Glibc
import HostSystem
import Runtime
import TestSupport

/// A host as its kernel shows it: `proc` and `sys` in a folder of their own, made from one text file of Fixtures.
///
/// A line `== PATH` begins a file, `== PATH -> TARGET` is a symbolic link.
final class FixtureTree {
    private let folder: TemporaryFolder
    /// Recorded by `scripts/record-host`, which makes more: a virtual machine, and the inside of a container on another.
    static let recorded = ["vm-6.18", "container-6.18"]
    /// Composed after the formats that the kernel's documentation and sources publish, with numbers that are made up: a
    /// machine with sensors, RAID and NVMe, an old virtual one, one that runs containers, and the inside of one.
    static let composed = ["physical-5.10", "vm-4.9", "container-host-6.1", "container-6.1"]
    static let hosts = recorded + composed

    var path: String { folder.path }
    var files: LinuxHostFiles { LinuxHostFiles(root: folder.path) }

    init(_ name: String) throws {
        folder = try TemporaryFolder()
        let source: String = #filePath.split(separator: "/").dropLast().map { "/" + $0 }.joined()
        try unpack(try Files.text("\(source)/Fixtures/\(name).tree"))
    }

    /// A tree with these files.
    init(files: [String: String]) throws {
        folder = try TemporaryFolder()
        for (path, content) in files { try folder.write(content, to: String(path.dropFirst())) }
    }

    /// The kernel says something else in `path` from now on.
    func set(_ path: String, _ content: String) throws { try write(path, content) }

    func text(_ path: String) throws -> String { try Files.text(folder.path + path) }

    /// A file or a folder is there no more.
    func remove(_ path: String) throws { try Files.removeTree(folder.path + path) }

    private func unpack(_ text: String) throws {
        var path: String?
        var content = ""
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            guard line.hasPrefix("== ") else {
                content += line + "\n"
                continue
            }
            if let path { try write(path, content) }
            content = ""
            let parts: [Substring] = line.dropFirst(3).split(separator: " ")
            if parts.count == 3, parts[1] == "->" {
                path = nil
                try link(String(parts[0]), to: String(parts[2]))
            } else {
                path = String(parts[0])
            }
        }
        if let path { try write(path, String(content.dropLast())) }
    }

    private func write(_ path: String, _ content: String) throws {
        try folder.write(content, to: String(path.dropFirst()), mode: 0o644)
    }

    private func link(_ path: String, to target: String) throws {
        // Writing a file beside it makes the folders.
        let made: String = try folder.write("", to: String(path.dropFirst()) + ".new")
        unlink(made)
        guard symlink(target, folder.path + path) == 0 else { throw TestSupportError("cannot link \(path)") }
    }
}
