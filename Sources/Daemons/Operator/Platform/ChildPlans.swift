import PlatformClient

/// How the daemons of a data directory are started.
package struct ChildPlans: Sendable {
    package let settings: PlatformSettings
    package let programs: Programs
    /// The connection string of the service's role.
    package let database: String
    /// The connection string of the proxy's role; nil where there is no proxy.
    package let proxyDatabase: String?
    /// What goes before the bootstrap config of gitops-sync.
    package let syncEnvironment: [String: String]

    package init(
        settings: PlatformSettings, programs: Programs, database: String, proxyDatabase: String? = nil,
        syncEnvironment: [String: String]
    ) {
        self.proxyDatabase = proxyDatabase
        self.syncEnvironment = syncEnvironment
        self.settings = settings
        self.programs = programs
        self.database = database
    }

    private var directory: DataDirectory { settings.dataDirectory }

    package var server: ChildSpecification {
        ChildSpecification(
            name: "server", executable: programs.server,
            arguments: [
                "run", "--listen", "127.0.0.1:\(settings.port)", "--keys", directory.keys, "--secrets-dir",
                directory.secrets,
            ],
            // In the environment: a connection string can hold a password, and arguments are for all to see.
            environment: ["DATABASE_URL": database, "PLUMB_LOG_FORMAT": "json"], logFile: directory.log("server"),
            stopWithin: .milliseconds(2500))
    }

    /// Nil where there is no database for it.
    package var proxy: ChildSpecification? {
        proxyDatabase.map { database in
            ChildSpecification(
                name: "proxy", executable: programs.proxy,
                arguments: [
                    "run", "--listen", "127.0.0.1:\(settings.proxyPort)", "--keys", directory.proxyKeys,
                    "--secrets-dir", directory.secrets,
                ],
                environment: ["DATABASE_URL": database, "PLUMB_LOG_FORMAT": "json"],
                logFile: directory.log("proxy"), stopWithin: .milliseconds(2500))
        }
    }

    package var agent: ChildSpecification {
        ChildSpecification(
            name: "agent", executable: programs.agent,
            arguments: [
                "run", "--server", settings.serverURL, "--token-file", directory.token("agent"), "--state-dir",
                directory.agentState, "--host", settings.host,
            ],
            environment: ["PLUMB_LOG_FORMAT": "json"], logFile: directory.log("agent"),
            stopWithin: .milliseconds(3500))
    }

    package var sync: ChildSpecification {
        var environment: [String: String?] = ["PLUMB_LOG_FORMAT": "json"]
        for (name, value) in syncEnvironment { environment[name] = value }
        return ChildSpecification(
            name: "gitops-sync", executable: programs.sync, arguments: ["run", "--config", directory.syncConfig],
            environment: environment, logFile: directory.log("gitops-sync"), stopWithin: .seconds(3))
    }

    /// Writes the status pages. Nobody needs its tidy end: what it writes is whole at any moment.
    package var page: ChildSpecification {
        ChildSpecification(
            name: "page", executable: programs.page,
            arguments: [
                "watch", "--all", "--output", directory.page, "--server", settings.serverURL, "--token-file",
                directory.token("query"),
            ],
            environment: ["PLUMB_LOG_FORMAT": "json"], logFile: directory.log("page"), stopWithin: .seconds(1))
    }
}
