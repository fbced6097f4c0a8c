import Subprocess
import SystemPackage

/// Keys of ssh and gpg that sign commits, made anew for each test in a folder of their own.
package final class TestSigner: Sendable {
    private let folder: TemporaryFolder

    package init() throws { folder = try TemporaryFolder() }

    /// A file with lines for `ssh-keygen -Y verify`, or with revoked keys.
    @discardableResult
    package func write(_ lines: [String], to name: String) throws -> String {
        try folder.write(lines.map { $0 + "\n" }.joined(), to: name)
    }

    // MARK: ssh

    /// Makes an ed25519 key and gives its public part, as in `ssh-ed25519 AAAA…`.
    package func sshKey(_ name: String) async throws -> String {
        try await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", folder(name)])
        let text: String = try await run("cat", [folder("\(name).pub")])
        return text.split(separator: " ").prefix(2).joined(separator: " ")
    }

    /// The settings with which git signs with an ssh key.
    package func sshSettings(_ name: String) -> [String] {
        ["-c", "gpg.format=ssh", "-c", "user.signingKey=\(folder(name))", "-c", "commit.gpgSign=true"]
    }

    // MARK: gpg

    private var home: String { folder("g") }

    /// Makes a key without a passphrase for `name`; `expires` as gpg writes it (`0`, `1d`). `at` is the time of its
    /// making.
    package func gpgKey(_ name: String, expires: String = "0", at time: String? = nil) async throws {
        try await gpg(
            clock(time) + [
                "--passphrase", "", "--quick-gen-key", "\(name) <\(name)@example.org>", "ed25519", "sign", expires,
            ])
    }

    package func revokeGPGKey(_ name: String) async throws {
        let listing: String = try await gpg(["--list-keys", "--with-colons", "\(name)@example.org"])
        let fingerprint: Substring? = listing.split(separator: "\n").first { $0.hasPrefix("fpr:") }?
            .split(separator: ":").last
        guard let fingerprint else { throw TestSupportError("gpg has no key of \(name)") }
        let text: String = try await run("cat", ["\(home)/openpgp-revocs.d/\(fingerprint).rev"])
        // A colon keeps the certificate from being used by mistake.
        let certificate: String = text.split(separator: "\n", omittingEmptySubsequences: false).map {
            $0.hasPrefix(":---") ? String($0.dropFirst()) : String($0)
        }.joined(separator: "\n")
        try await gpg(["--import", try folder.write(certificate, to: "revocation")])
    }

    /// A file that `gpg --export` wrote with the keys of these people.
    package func gpgKeyring(_ names: [String], armoured: Bool = false) async throws -> String {
        let file: String = folder("keys-\(names.joined(separator: "-"))-\(armoured)")
        try await gpg(
            (armoured ? ["--armor"] : []) + ["--yes", "--output", file, "--export"] + names.map { "\($0)@example.org" })
        return file
    }

    /// The settings with which git signs with a gpg key; `at` is the time that gpg takes for now.
    package func gpgSettings(_ name: String, at time: String? = nil) throws -> [String] {
        let clock: String = clock(time).joined(separator: " ")
        let program: String = try folder.write(
            "#!/bin/sh\nexec gpg --homedir '\(home)' --batch \(clock) \"$@\"\n", to: "gpg-\(name)", mode: 0o700)
        return [
            "-c", "gpg.format=openpgp", "-c", "gpg.program=\(program)", "-c", "user.signingKey=\(name)@example.org",
            "-c",
            "commit.gpgSign=true",
        ]
    }

    private func clock(_ time: String?) -> [String] { time.map { ["--faked-system-time", "\($0)!"] } ?? [] }

    @discardableResult
    private func gpg(_ arguments: [String]) async throws -> String {
        try await run("mkdir", ["-p", "-m", "700", home])
        return try await run("gpg", ["--homedir", home, "--batch", "--quiet"] + arguments)
    }

    /// Ends what gpg started for this folder.
    package func close() async {
        _ = try? await run("gpgconf", ["--homedir", home, "--kill", "all"])
    }

    @discardableResult
    private func run(_ program: String, _ arguments: [String]) async throws -> String {
        let result = try await Subprocess.run(
            .name(program), arguments: Arguments(arguments), output: .string(limit: 1 << 20),
            error: .string(limit: 1 << 20))
        guard result.terminationStatus.isSuccess else {
            throw TestSupportError("\(program) failed: \(result.standardError)")
        }
        return result.standardOutput
    }
}
