import Declarations
import GitStore
import Reconciliation
import Runtime
import SyncDaemon
import SystemdUnits
import Telemetry
import Testing

@Suite struct BootstrapConfigurationTests {
    private func read(_ text: String, _ variables: [String: String] = [:]) throws -> BootstrapConfiguration {
        try BootstrapConfiguration(file: "sync.yaml", bytes: Array(text.utf8)) { variables[$0] }
    }

    private func problems(_ text: String, _ variables: [String: String] = [:]) -> [String] {
        do {
            _ = try read(text, variables)
            return []
        } catch let error as BootstrapError {
            return error.problems.map(\.description)
        } catch { return ["\(error)"] }
    }

    private let minimal = "repository:\n  url: /srv/config.git\nserver:\n  url: http://127.0.0.1:7700\n"

    @Test func whatIsNotSaidHasItsDefault() throws {
        let configuration = try read(minimal)
        #expect(configuration.repository.branch == "main")
        #expect(configuration.source == "gitops-sync")
        #expect(configuration.mode == .enforce)
        #expect(configuration.interval == .minutes(1))
        #expect(configuration.driftInterval == .seconds(10))
        #expect(configuration.fetchTimeout == .seconds(60))
        #expect(configuration.deletionBudget == DeletionBudget())
        #expect(configuration.listen?.description == "127.0.0.1:7702")
        #expect(configuration.units.allow == .standard)
        #expect(configuration.units.helper == "/run/plumb-unit-helper.sock")
    }

    @Test func everyProblemIsReportedAtOnceWithItsPlace() {
        let text = """
            repository:
              url: /srv/config.git
              brunch: main
            mode: force
            interval: 2
            interval: 1m
            drift: {interval: 3d}
            guards:
              deletions: {percent: many}
            server:
              url: ftp://example
            """
        #expect(
            problems(text) == [
                "sync.yaml:3:11: unknown setting \"repository.brunch\"",
                "sync.yaml:4:7: mode: expected enforce or observe, got \"force\"",
                "sync.yaml:5:11: interval: expected a duration from 1s to 1d, got \"2\"",
                "sync.yaml:6:1: duplicate key \"interval\"",
                "sync.yaml:7:19: drift.interval: expected a duration from 100ms to 1h, got \"3d\"",
                "sync.yaml:9:24: guards.deletions.percent: expected a whole number from 0 to 100, got \"many\"",
                "sync.yaml:11:8: server.url: expected http://, https:// or http+unix://",
            ])
    }

    @Test func variablesOverrideTheFile() throws {
        let configuration = try read(
            minimal,
            [
                "PLUMB_REPOSITORY_BRANCH": "live", "PLUMB_MODE": "observe", "PLUMB_DRIFT_INTERVAL": "1s",
                "PLUMB_SERVER_TOKEN_FILE": "/run/token", "PLUMB_STATE_DIRECTORY": "/tmp/state",
            ])
        #expect(configuration.repository.branch == "live")
        #expect(configuration.mode == .observe)
        #expect(configuration.driftInterval == .seconds(1))
        #expect(configuration.server.tokenFile == "/run/token")
        #expect(configuration.stateDirectory == "/tmp/state")
    }

    @Test func severalRemotesAreAListAndEachGetsTheCredentialOfItsKind() throws {
        let text = """
            repository:
              url: [https://git.example/config.git, git@mirror.example:config.git, /srv/copy.git]
            credentials: {tokenFile: git-token, sshKeyFile: /etc/key, knownHostsFile: /etc/known}
            server: {url: "http://127.0.0.1:7700", tokenFile: server-token}
            previews: plan/*
            """
        let remotes = try read(text, ["CREDENTIALS_DIRECTORY": "/run/credentials/x"]).remotes
        #expect(
            remotes.map(\.url) == ["https://git.example/config.git", "git@mirror.example:config.git", "/srv/copy.git"])
        #expect(
            remotes.map(\.credentials) == [
                .token(username: "git", file: "/run/credentials/x/git-token"),
                .key(file: "/etc/key", passphraseFile: nil), .none,
            ])
        // A command that a person starts has no such variable; systemd keeps the file for the daemon's unit.
        let byHand = try read(text)
        #expect(byHand.server.tokenFile == "/run/credentials/gitops-sync.service/server-token")
        #expect(byHand.previews == ["plan/*"])
        let byVariable = try read(minimal, ["PLUMB_REPOSITORY_URL": "/one, /two", "PLUMB_PREVIEWS": "a b"])
        #expect(byVariable.repository.urls == ["/one", "/two"])
        #expect(byVariable.previews == ["a", "b"])
    }

    @Test func trustNamesItsFilesAndItsPlace() throws {
        let ssh = try read(minimal + "trust:\n  verify: ssh\n  allowedSigners: /a\n  revokedKeys: /r\n").trust
        #expect(ssh.policy == .ssh(allowedSigners: "/a", revokedKeys: "/r"))
        #expect(ssh.place == "sync.yaml:6")
        #expect(try read(minimal + "trust: {verify: gpg, keyring: /k}\n").trust.policy == .gpg(keyring: "/k"))
        #expect(try read(minimal).trust.policy == .none)
        #expect(
            problems(minimal + "trust: {verify: ssh, keyring: /k}\ncredentials:\n  tokenFile: /t\n  sshKeyFile: /k\n")
                == [
                    "sync.yaml:5:17: trust.verify: ssh needs trust.allowedSigners, a file",
                    "sync.yaml:5:31: trust.keyring: is for trust.verify: gpg, and that is ssh",
                    "sync.yaml:7:14: credentials.tokenFile: a token is for https://, and no remote has that",
                    "sync.yaml:8:15: credentials.sshKeyFile: an ssh key is for ssh://, and no remote has that",
                ])
        #expect(problems(minimal + "trust:\n  allowedSigners: /a\n").first?.contains("that is none") == true)
        #expect(problems(minimal + "mode: [enforce]\n") == ["sync.yaml:5:7: mode: a list is not expected here"])
    }

    @Test func whatIsMissingNamesItsVariableToo() {
        #expect(
            problems("mode: observe") == [
                "sync.yaml:1:1: repository.url is missing; it can also be given as PLUMB_REPOSITORY_URL",
                "sync.yaml:1:1: server.url is missing; it can also be given as PLUMB_SERVER_URL",
            ])
    }

    @Test(arguments: ["- a", "just text", "a: {b", "\u{0}", "repository: [1]", "? {a: b}\n: c", "a: b\n---\nc: d"])
    func noTextMakesItTrap(text: String) {
        #expect(!problems(text).isEmpty)
    }
}
