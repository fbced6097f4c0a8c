import Declarations
import GitStore
import Manifests
import Reconciliation
import Runtime
import Systemd
import SystemdUnits
import Telemetry

extension BootstrapConfiguration {
    /// Reads the file at `path` under the variables of `environment`.
    package init(
        path: String, environment: @escaping (String) -> String? = ProcessEnvironment.value
    ) throws(BootstrapError) {
        let bytes: [UInt8]
        do { bytes = try Files.read(path) } catch {
            let advice: String = error.isMissing ? "; name another with --config" : ""
            throw BootstrapError(
                problems: [Diagnostic(file: path, mark: Mark(line: 1, column: 1), message: "\(error.reason)\(advice)")])
        }
        try self.init(file: path, bytes: bytes, environment: environment)
    }

    /// Reads the bytes of a file named `file`.
    package init(
        file: String, bytes: [UInt8], environment: @escaping (String) -> String?
    ) throws(BootstrapError) {
        let (documents, problems) = composeManifest(file: file, bytes: bytes)
        var settings = Settings(file: file, documents: documents, problems: problems, environment: environment)
        self.init(&settings)
        settings.finish()
        guard settings.problems.isEmpty else { throw BootstrapError(problems: settings.problems) }
    }

    private init(_ settings: inout Settings) {
        repository = Repository(&settings)
        credentials = Credentials(&settings)
        trust = Trust(&settings)
        previews = settings.texts("previews")
        source = settings.text("source", default: "gitops-sync")
        mode = settings.choice("mode", default: RunMode.enforce)
        interval = settings.duration("interval", default: .minutes(1), in: .seconds(1) ... .days(1))
        driftInterval = settings.duration("drift.interval", default: .seconds(10), in: .milliseconds(100) ... .hours(1))
        fetchTimeout = settings.duration("fetch.timeout", default: .minutes(1), in: .seconds(1) ... .hours(1))
        verifyTimeout = settings.duration("verify.timeout", default: .seconds(5), in: .zero ... .minutes(5))
        cycleTimeout = settings.duration("cycle.timeout", default: .minutes(2), in: .seconds(1) ... .hours(1))
        let fallbackAfter: PromDuration = settings.duration(
            "fallback.after", default: .minutes(5), in: .seconds(1) ... .days(1))
        fallback = settings.optionalText("fallback.webhookFile").map { Fallback(webhookFile: $0, after: fallbackAfter) }
        stateDirectory = settings.text("stateDirectory", default: "/var/lib/gitops-sync")
        controlSocket = settings.text("controlSocket", default: "/run/gitops-sync/control.sock")
        server = Server(
            url: settings.requiredText("server.url"), tokenFile: settings.file("server.tokenFile"))
        let proxyToken: String? = settings.file("proxy.tokenFile")
        proxy = settings.optionalText("proxy.url").map { Server(url: $0, tokenFile: proxyToken) }
        let standard = DeletionBudget()
        deletionBudget = DeletionBudget(
            percent: settings.integer("guards.deletions.percent", default: standard.percent, in: 0...100),
            minimum: settings.integer("guards.deletions.minimum", default: standard.minimum, in: 0...10_000),
            maximum: settings.integer("guards.deletions.maximum", default: standard.maximum, in: 0...10_000))
        units = Units(&settings)
        webhookSecretFile = settings.optionalText("webhook.secretFile")
        listen = Self.listen(&settings)
        check(&settings)
    }

    private static func listen(_ settings: inout Settings) -> ListenAddress? {
        let text: String = settings.text("listen", default: "127.0.0.1:7702")
        guard text != "none" else { return nil }
        guard let address = ListenAddress(text) else {
            settings.complain(about: "listen", "expected HOST:PORT or none, got \"\(text)\"")
            return nil
        }
        if !address.isLoopback { settings.complain(about: "listen", "expected an address of this machine alone") }
        return address
    }

    private func check(_ settings: inout Settings) {
        // The kernel's limit for addresses of unix sockets, with their ending zero.
        if controlSocket.utf8.count > 107 {
            settings.complain(about: "controlSocket", "the path is longer than 107 bytes; choose a shorter folder")
        }
        for glob in previews {
            if let objection = Glob.objection(to: glob) { settings.complain(about: "previews", objection) }
        }
        for (name, url) in [("server.url", server.url), ("proxy.url", proxy?.url ?? "")] where !url.isEmpty {
            guard !["http://", "https://", "http+unix://"].contains(where: url.hasPrefix) else { continue }
            settings.complain(about: name, "expected http://, https:// or http+unix://")
        }
        if cycleTimeout.milliseconds < longestWaits.milliseconds + 5000 {
            settings.complain(
                about: "cycle.timeout",
                "\(cycleTimeout) is too short: a run may fetch for \(fetchTimeout) and look for \(verifyTimeout); expected 5s "
                    + "more than both")
        }
        if credentials.tokenFile != nil, !remotes.contains(where: \.takesToken) {
            settings.complain(about: "credentials.tokenFile", "a token is for https://, and no remote has that")
        }
        if credentials.sshKeyFile != nil, !remotes.contains(where: \.takesKey) {
            settings.complain(about: "credentials.sshKeyFile", "an ssh key is for ssh://, and no remote has that")
        }
    }
}

extension BootstrapConfiguration.Repository {
    fileprivate init(_ settings: inout Settings) {
        let listed: [String] = settings.texts("repository.url")
        urls = listed.isEmpty ? [settings.requiredText("repository.url")] : listed
        branch = settings.text("repository.branch", default: "main")
        let path: String = settings.text("repository.path", default: "")
        self.path = path.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
        if self.path.split(separator: "/").contains("..") {
            settings.complain(about: "repository.path", "must not lead out of the repository")
        }
    }
}

extension BootstrapConfiguration.Units {
    fileprivate init(_ settings: inout Settings) {
        allow = settings.optionalText("units.allow").map { UnitAllowList(parsing: $0) } ?? .standard
        helper = settings.text("units.helper", default: HelperClient.standardSocket)
    }
}

extension BootstrapConfiguration.Credentials {
    fileprivate init(_ settings: inout Settings) {
        username = settings.text("credentials.username", default: "git")
        tokenFile = settings.file("credentials.tokenFile")
        sshKeyFile = settings.file("credentials.sshKeyFile")
        sshPassphraseFile = settings.file("credentials.sshPassphraseFile")
        knownHostsFile = settings.file("credentials.knownHostsFile")
        authoritiesFile = settings.file("credentials.authoritiesFile")
    }
}

extension BootstrapConfiguration.Trust {
    private enum Verification: String, CaseIterable { case none, ssh, gpg }

    fileprivate init(_ settings: inout Settings) {
        let verification: Verification = settings.choice("trust.verify", default: .none)
        let signers: String? = settings.file("trust.allowedSigners")
        let revoked: String? = settings.file("trust.revokedKeys")
        let keyring: String? = settings.file("trust.keyring")
        place = settings.place(of: "trust.verify")
        // A file of keys that is not asked would look like a protection.
        for (name, file, user) in [
            ("trust.allowedSigners", signers, Verification.ssh), ("trust.revokedKeys", revoked, .ssh),
            ("trust.keyring", keyring, .gpg),
        ] where file != nil && verification != user {
            settings.complain(
                about: name, "is for trust.verify: \(user.rawValue), and that is \(verification.rawValue)")
        }
        switch verification {
        case .none: policy = .none
        case .ssh:
            if signers == nil { settings.complain(about: "trust.verify", "ssh needs trust.allowedSigners, a file") }
            policy = .ssh(allowedSigners: signers ?? "", revokedKeys: revoked)
        case .gpg:
            if keyring == nil { settings.complain(about: "trust.verify", "gpg needs trust.keyring, a file") }
            policy = .gpg(keyring: keyring ?? "")
        }
    }
}
