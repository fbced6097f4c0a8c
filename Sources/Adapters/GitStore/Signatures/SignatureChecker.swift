import Declarations
import Glibc

/// Judges signatures of commits with the programs that people sign with: `ssh-keygen -Y verify` and `gpgv`. Nothing of
/// it is cached: a key that was added or revoked counts from the next check on.
package struct SignatureChecker: Sendable {
    package struct Configuration: Sendable {
        package var trust: CommitTrust
        /// For all commits of one question together.
        package var deadline: Duration
        /// Names looked for in `/usr/bin` and `/bin`, or paths.
        package var sshKeygen: String
        package var gpgv: String

        package init(
            trust: CommitTrust, deadline: Duration = .seconds(30), sshKeygen: String = "ssh-keygen",
            gpgv: String = "gpgv"
        ) {
            self.trust = trust
            self.deadline = deadline
            self.sshKeygen = sshKeygen
            self.gpgv = gpgv
        }
    }

    let configuration: Configuration

    package init(_ configuration: Configuration) { self.configuration = configuration }

    /// One verdict for each commit, in order. An error means that nothing was judged: a program is missing, a file of
    /// keys cannot be read, or the time was up.
    package func judge(_ commits: [SignedCommit]) async throws(GitError) -> [SignatureVerdict] {
        try checkFiles()
        let deadline: ContinuousClock.Instant = .now + configuration.deadline
        let folder: String = try makeScratch()
        defer { Files.remove(folder) }
        var verdicts: [SignatureVerdict] = []
        for commit in commits {
            verdicts.append(try await judge(commit, folder: folder, deadline: deadline))
        }
        return verdicts
    }

    private func judge(
        _ commit: SignedCommit, folder: String, deadline: ContinuousClock.Instant
    ) async throws(GitError) -> SignatureVerdict {
        guard let signature = commit.signature else { return .refused(reason: "no signature") }
        let form = SignatureForm(signature)
        let file = "\(folder)/signature"
        let payload = "\(folder)/payload"
        do throws(FileProblem) {
            try Files.write(signature, to: file)
            try Files.write(commit.payload, to: payload)
        } catch {
            throw GitError(.storage, operation: Self.operation, message: error.message)
        }
        let question = SignatureQuestion(
            payloadFile: payload, signatureFile: file, home: folder,
            deadline: max(.zero, deadline - .now), operation: Self.operation)
        switch (configuration.trust, form) {
        case (.none, _): return .trusted(signer: "nobody in particular")
        case (.ssh(let signers, let revoked), .ssh):
            let check = SSHSignatureCheck(
                program: CheckingProgram(name: configuration.sshKeygen, package: "openssh-client"),
                allowedSigners: signers, revokedKeys: revoked)
            return try await check.judge(question)
        case (.gpg(let keyring), .gpg):
            let check = GPGSignatureCheck(
                program: CheckingProgram(name: configuration.gpgv, package: "gpgv"), keyring: keyring)
            return try await check.judge(question)
        case (_, let form):
            return .refused(
                reason: "signed with \(form.title), and signatures of \(configuration.trust.title) are required")
        }
    }

    /// A file of keys that cannot be read makes every commit look like a stranger's: that is said as what it is.
    private func checkFiles() throws(GitError) {
        let files: [String] =
            switch configuration.trust {
            case .none: []
            case .ssh(let signers, let revoked): [signers] + (revoked.map { [$0] } ?? [])
            case .gpg(let keyring): [keyring]
            }
        for file in files {
            do throws(FileProblem) {
                let bytes: [UInt8] = try Files.read(file, atMost: 16 << 20)
                if case .gpg = configuration.trust, bytes.starts(with: Array("-----BEGIN".utf8)) {
                    throw FileProblem(message: "\(file) is in text form; gpgv reads the other: gpg --dearmor makes it")
                }
            } catch {
                throw GitError(.configuration, operation: Self.operation, message: error.message)
            }
        }
    }

    private func makeScratch() throws(GitError) -> String {
        let base: String = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
        var template: [CChar] = Array("\(base)/gitops-sync-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else {
            throw GitError(
                .storage, operation: Self.operation, message: "cannot make a folder in \(base): \(Files.lastError)")
        }
        return String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private static let operation = "checking the signatures of commits"
}

/// One signature to be checked.
struct SignatureQuestion: Sendable {
    var payloadFile: String
    var signatureFile: String
    /// An empty folder for the program's own use.
    var home: String
    var deadline: Duration
    var operation: String
}

/// Which program made a signature, by how it begins.
enum SignatureForm: Hashable {
    case ssh, gpg, x509, unknown

    init(_ signature: [UInt8]) {
        func begins(_ text: String) -> Bool { signature.starts(with: Array(text.utf8)) }
        if begins("-----BEGIN SSH SIGNATURE-----") {
            self = .ssh
        } else if begins("-----BEGIN PGP SIGNATURE-----") {
            self = .gpg
        } else if begins("-----BEGIN SIGNED MESSAGE-----") {
            self = .x509
        } else {
            self = .unknown
        }
    }

    var title: String {
        switch self {
        case .ssh: "ssh"
        case .gpg: "gpg"
        case .x509: "an X.509 certificate"
        case .unknown: "something unknown"
        }
    }
}
