import Declarations
import Runtime
import TestSupport

/// The platform as `make install` puts it onto a Debian, set up as the guide says, in a container of its own. Everything
/// beside server, database and gitops-sync is started by what git declares.
struct InstalledPlatform: Sendable {
    let container: Container

    init() async throws {
        container = try await Container { root in
            let built: String = Files.parent(of: try BuiltPrograms.path("gitops-sync"))
            try await Container.run(
                "/bin/sh", ["\(Container.repository)/scripts/install-programs"],
                environment: ["DESTDIR": root, "BUILT": built])
            try Files.write(Self.bootstrap.utf8, to: "\(root)/etc/plumbline/gitops-sync.yaml")
        }
        try await container.shell(Self.setUp)
        try await container.shell("systemctl enable --now plumb-server")
        try await enrolAgent()
        for (name, text) in Self.manifests { try await write(text, to: name) }
        try await commit("Everything")
        try await container.shell("systemctl enable --now plumb-unit-helper.socket gitops-sync")
    }

    /// Puts a one-time token where the agent's unit looks for it.
    func enrolAgent() async throws {
        try await container.shell(
            """
            cd /etc/plumbline
            plumb enrol --host box --server http://127.0.0.1:7700 --token-file ann.token >made
            install -o plumb-agent -m 0600 made agent.enrolment
            rm made
            """)
    }

    private static let bootstrap = """
        repository:
          url: /srv/config.git
          branch: main
        server:
          url: http://127.0.0.1:7700
          tokenFile: /etc/plumbline/gitops-sync.token
        proxy:
          url: http://127.0.0.1:7701
          tokenFile: /etc/plumbline/gitops-sync-proxy.token
        interval: 2s
        drift:
          interval: 1s

        """

    /// What docs/guides/running-under-systemd.md tells people to do by hand.
    private static let setUp = """
        systemd-sysusers plumbline.conf
        systemctl daemon-reload
        pg_createcluster --start 15 main
        runuser -u postgres -- psql -q -v ON_ERROR_STOP=1 <<'SQL'
        CREATE ROLE plumbline LOGIN;
        CREATE ROLE plumbline_proxy LOGIN;
        CREATE ROLE operator LOGIN;
        CREATE ROLE plumbline_audit NOLOGIN;
        GRANT plumbline_audit TO plumbline;
        GRANT pg_read_all_stats TO plumbline_audit;
        GRANT pg_read_all_settings TO plumbline;
        CREATE DATABASE plumbline OWNER plumbline TEMPLATE template0 ENCODING 'UTF8';
        ALTER DATABASE plumbline SET search_path = plumbline;
        ALTER DATABASE plumbline SET TimeZone = 'UTC';
        REVOKE ALL ON DATABASE plumbline FROM PUBLIC;
        GRANT CONNECT, TEMPORARY ON DATABASE plumbline TO plumbline, plumbline_proxy, operator;
        SQL
        cd /etc/plumbline
        install -d -o plumbline -m 0700 /var/lib/plumbline
        install -d -o plumbline_proxy -m 0700 /var/lib/plumb-proxy
        server() { runuser -u plumbline -- plumb-server token --keys /var/lib/plumbline/keys.json "$@"; }
        proxy() { runuser -u plumbline_proxy -- plumb-proxy token --keys /var/lib/plumb-proxy/keys.json "$@"; }
        secret() { install -o "$2" -m 0600 /dev/null "$1"; cat >"$1"; }
        server --subject gitops-sync --scope config,config:read,query --for 30d | secret gitops-sync.token gitops-sync
        proxy --subject gitops-sync --scope config,config:read --for 30d | secret gitops-sync-proxy.token gitops-sync
        server --subject plumb-page --scope query --for 30d | secret page.token plumb-page
        server --subject ann --scope admin --for 30d | secret ann.token root
        proxy --subject reading-sync --scope pipelines --for 30d | secret reading-sync.token root
        printf 'PLUMB_HOST=box\\n' >agent.env
        git init -q --bare -b main /srv/config.git
        git clone -q /srv/config.git /root/config 2>/dev/null
        cd /root/config
        git config user.name Ada
        git config user.email ada@example.org
        mkdir -p /srv/events
        echo '{"source":"a","event_type":"b","timestamp":"2026-01-02T03:04:05Z","payload":{"x":1}}' >/srv/events/one.ndjson
        """

    /// Enough of each daemon to see it work.
    private static let manifests: [(String, String)] = [
        ("cpu.yaml", manifest("Collector", "cpu", "{source: cpu, interval: 2s}")),
        (
            "pipeline.yaml",
            manifest(
                "Pipeline", "reading",
                "{source: {file: {path: /srv/events/*.ndjson}}, mapping: {source: {from: [/source]}, type: {from: [/event_type]}}}"
            )
        ),
        ("page.yaml", manifest("StatusPage", "status", "{title: Status, components: [{name: Web, query: up}]}")),
        ("units/agent.yaml", manifest("Unit", "agent", "{unit: plumb-agent.service, enabled: true, state: running}")),
        ("units/proxy.yaml", manifest("Unit", "proxy", "{unit: plumb-proxy.service, enabled: true, state: running}")),
        (
            "units/page.yaml",
            manifest(
                "Unit", "page",
                "{unit: plumb-page.service, enabled: true, state: running, settings: {MemoryMax: 200M, Nice: 5}}")
        ),
        (
            "units/reading.yaml",
            manifest(
                "Unit", "reading-sync",
                "{unit: reading-sync.timer, enabled: true, state: running, settings: {OnUnitActiveSec: 12h}}")
        ),
    ]

    private static func manifest(_ kind: String, _ name: String, _ spec: String) -> String {
        "apiVersion: plumbline/v1\nkind: \(kind)\nmetadata: {name: \(name)}\nspec: \(spec)\n"
    }

    /// Writes a file of the config repository; nil removes it.
    func write(_ text: String?, to name: String) async throws {
        guard let text else {
            try await container.shell("rm '/root/config/\(name)'")
            return
        }
        try await container.shell("mkdir -p \"$(dirname '/root/config/\(name)')\"")
        try Files.write(text.utf8, to: "\(container.root)/root/config/\(name)")
    }

    func writeUnit(_ name: String, _ spec: String) async throws {
        try await write(Self.manifest("Unit", name, spec), to: "units/\(name).yaml")
    }

    func commit(_ subject: String) async throws {
        try await container.shell(
            "cd /root/config && git add -A && git commit -q -m '\(subject)' && git push -q origin HEAD:main")
    }

    /// The newest report.
    func report() async throws -> JSONValue {
        let text: String = try await container.shell(
            "gitops-sync history --limit 1 --output json --config /etc/plumbline/gitops-sync.yaml")
        let newest: JSONValue? = try JSONValue(parsing: Array(text.utf8))["reports"]?.array?.first
        guard let newest else { throw TestSupportError("no run yet: \(text)") }
        return newest
    }

    /// The changes of units that were undone; waits for those of `names`. One of each.
    func corrections(of names: [String]) async throws -> [JSONValue] {
        try await answered("corrections in the reports", within: .seconds(30)) { () async throws -> [JSONValue]? in
            let changes: [JSONValue] = try await reports().flatMap { $0["changes"]?.array ?? [] }
            let found: [JSONValue] = names.compactMap { name in changes.first { Self.isCorrection($0, of: name) } }
            return found.count == names.count ? found : nil
        }
    }

    /// Whether a run that began for this reason undid a change of a unit.
    func hasCorrected(_ name: String, uponTrigger trigger: String) async throws -> Bool {
        try await reports().contains { report in
            report["trigger"]?.string == trigger
                && report["changes"]?.array?.contains { Self.isCorrection($0, of: name) } == true
        }
    }

    /// The newest reports.
    private func reports() async throws -> [JSONValue] {
        let text: String = try await container.shell(
            "gitops-sync history --limit 50 --output json --config /etc/plumbline/gitops-sync.yaml")
        return try JSONValue(parsing: Array(text.utf8))["reports"]?.array ?? []
    }

    private static func isCorrection(_ change: JSONValue, of name: String) -> Bool {
        guard change["name"]?.string == name, change["result"]?.string == "applied" else { return false }
        return change["cause"]?.array?.compactMap(\.string) == ["drift"]
    }

    func waitUntilInSync(_ why: String) async throws {
        do {
            _ = try await answered("in sync: \(why)", within: .seconds(120)) { () async throws -> Bool? in
                try await report()["outcome"] == "inSync" ? true : nil
            }
        } catch {
            throw TestSupportError("\(error)\n\(try await journal())")
        }
    }

    /// What a person would look at.
    func journal() async throws -> String {
        try await container.shell(
            """
            systemctl --no-pager --full status 'plumb*' 'gitops*' 2>&1 | grep -v '^ *CPU\\|Tasks' | tail -n 120 || true
            gitops-sync report --config /etc/plumbline/gitops-sync.yaml 2>&1 || true
            journalctl --no-pager -n 60 -p 5 2>&1 || true
            """)
    }

    func isActive(_ unit: String) async throws -> Bool {
        try await container.shell("systemctl is-active '\(unit)' || true") == "active\n"
    }
    func isEnabled(_ unit: String) async throws -> Bool {
        try await container.shell("systemctl is-enabled '\(unit)' || true") == "enabled\n"
    }
}
