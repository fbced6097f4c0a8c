import Declarations
import Manifests
import Reconciliation
import Runtime
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
        source = settings.text("source", default: "gitops-sync")
        mode = settings.choice("mode", default: RunMode.enforce)
        interval = settings.duration("interval", default: .minutes(1), in: .seconds(1) ... .days(1))
        driftInterval = settings.duration("drift.interval", default: .seconds(10), in: .milliseconds(100) ... .hours(1))
        fetchTimeout = settings.duration("fetch.timeout", default: .minutes(1), in: .seconds(1) ... .hours(1))
        verifyTimeout = settings.duration("verify.timeout", default: .seconds(5), in: .zero ... .minutes(5))
        stateDirectory = settings.text("stateDirectory", default: "/var/lib/gitops-sync")
        controlSocket = settings.text("controlSocket", default: "/run/gitops-sync/control.sock")
        server = Server(
            url: settings.requiredText("server.url"), tokenFile: settings.optionalText("server.tokenFile"))
        let proxyToken: String? = settings.optionalText("proxy.tokenFile")
        proxy = settings.optionalText("proxy.url").map { Server(url: $0, tokenFile: proxyToken) }
        let standard = DeletionBudget()
        deletionBudget = DeletionBudget(
            percent: settings.integer("guards.deletions.percent", default: standard.percent, in: 0...100),
            minimum: settings.integer("guards.deletions.minimum", default: standard.minimum, in: 0...10_000),
            maximum: settings.integer("guards.deletions.maximum", default: standard.maximum, in: 0...10_000))
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
        for (name, url) in [("server.url", server.url), ("proxy.url", proxy?.url ?? "")] where !url.isEmpty {
            guard !["http://", "https://", "http+unix://"].contains(where: url.hasPrefix) else { continue }
            settings.complain(about: name, "expected http://, https:// or http+unix://")
        }
        if credentials.tokenFile != nil, credentials.sshKeyFile != nil {
            settings.complain(about: "credentials.sshKeyFile", "a token and an ssh key exclude each other")
        }
    }
}

extension BootstrapConfiguration.Repository {
    fileprivate init(_ settings: inout Settings) {
        url = settings.requiredText("repository.url")
        branch = settings.text("repository.branch", default: "main")
        let path: String = settings.text("repository.path", default: "")
        self.path = path.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
        if self.path.split(separator: "/").contains("..") {
            settings.complain(about: "repository.path", "must not lead out of the repository")
        }
    }
}

extension BootstrapConfiguration.Credentials {
    fileprivate init(_ settings: inout Settings) {
        username = settings.text("credentials.username", default: "git")
        tokenFile = settings.optionalText("credentials.tokenFile")
        sshKeyFile = settings.optionalText("credentials.sshKeyFile")
        sshPassphraseFile = settings.optionalText("credentials.sshPassphraseFile")
        knownHostsFile = settings.optionalText("credentials.knownHostsFile")
        authoritiesFile = settings.optionalText("credentials.authoritiesFile")
    }
}
