package import Telemetry

/// What the host says of itself. Read once at start; what cannot be read is left out.
package struct HostFacts: Hashable, Sendable {
    package var hostName: String?
    /// Changes with every boot.
    package var bootID: String?
    /// `debian`, `ubuntu`, …: `ID` of os-release.
    package var osID: String?
    /// `Debian GNU/Linux 12 (bookworm)`: `PRETTY_NAME` of os-release.
    package var osName: String?
    package var osVersion: String?
    package var kernelName: String?
    package var kernelRelease: String?
    package var kernelVersion: String?
    package var domainName: String?
    package var architecture: String

    package init(reading files: some HostFiles) {
        hostName = Self.line("/proc/sys/kernel/hostname", files)
        bootID = Self.line("/proc/sys/kernel/random/boot_id", files)
        kernelName = Self.line("/proc/sys/kernel/ostype", files)
        kernelRelease = Self.line("/proc/sys/kernel/osrelease", files)
        kernelVersion = Self.line("/proc/sys/kernel/version", files)
        domainName = Self.line("/proc/sys/kernel/domainname", files)
        architecture = Self.compiledArchitecture
        let release: [UInt8] = (try? files.read("/etc/os-release")) ?? (try? files.read("/usr/lib/os-release")) ?? []
        let variables: [String: String] = Self.variables(release)
        osID = variables["ID"]
        osName = variables["PRETTY_NAME"] ?? variables["NAME"]
        osVersion = variables["VERSION_ID"]
    }

    /// The facts as names and values, as agents report them.
    package var facts: [String: String] {
        let all: [String: String?] = [
            "os": osID, "os_name": osName, "os_version": osVersion, "kernel": kernelRelease, "arch": architecture,
        ]
        return all.compactMapValues { $0 }
    }

    /// The labels of `node_uname_info`.
    package var unameLabels: Labels {
        [
            "sysname": kernelName ?? "", "release": kernelRelease ?? "", "version": kernelVersion ?? "",
            "machine": architecture, "nodename": hostName ?? "", "domainname": domainName ?? "",
        ]
    }

    private static var compiledArchitecture: String {
        #if arch(x86_64)
            "x86_64"
        #elseif arch(arm64)
            "aarch64"
        #else
            "unknown"
        #endif
    }

    private static func line(_ path: String, _ files: some HostFiles) -> String? {
        guard let content = try? files.read(path) else { return nil }
        var all: Lines = lines(content)
        guard let line = all.next() else { return nil }
        let words: String = fields(line).map { label($0) }.joined(separator: " ")
        return words.isEmpty ? nil : words
    }

    /// os-release(5): shell-like assignments, values bare or in quotes.
    private static func variables(_ content: [UInt8]) -> [String: String] {
        var variables: [String: String] = [:]
        for line in lines(content) {
            guard let equals = line.firstIndex(of: UInt8(ascii: "=")) else { continue }
            var value: Bytes = line[line.index(after: equals)...]
            if let quote = value.first, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'"), value.last == quote,
                value.count > 1
            {
                value = value.dropFirst().dropLast()
            }
            variables[text(line[..<equals])] = label(value)
        }
        return variables
    }
}
