package import ConfigAPI
package import Declarations
package import Telemetry

/// The durable configuration of one component: its resources, who changed them, and who may enforce.
///
/// What this type writes and what somebody writes with psql go through the same triggers: every change bumps the one
/// generation of the store and leaves an audit row. What it reads is computed from what is stored at that moment.
package struct ConfigStore: Sendable {
    let pool: DatabasePool
    let decoder: ResourceDecoder
    let sha256: SHA256Function
    let configuration: Configuration
    let cache = SnapshotCache()

    package struct Configuration: Hashable, Sendable {
        /// Whose processes ``ConfigStore/heartbeat(_:)`` and the snapshot are about. Default `server`.
        package var component: String
        /// Where its tables are. Default `plumbline`.
        package var schema: String
        /// Whose kinds it holds; it takes no others. Default the server's and the agents'.
        package var targets: Set<TargetName>
        /// How old a heartbeat may be for its instance to count. Default 15 s.
        package var instanceFreshness: PromDuration
        /// Most changes of one patch. Default 10,000, the most manifests of a tree.
        package var changesPerPatch: Int

        package init(
            component: String = "server", schema: String = Schema.name,
            targets: Set<TargetName> = [.server, .agents], instanceFreshness: PromDuration = .seconds(15),
            changesPerPatch: Int = 10000
        ) {
            self.component = component
            self.schema = schema
            self.targets = targets
            self.instanceFreshness = instanceFreshness
            self.changesPerPatch = changesPerPatch
        }
    }

    /// The schema's name, for statements.
    var schema: String { configuration.schema }

    package init(
        pool: DatabasePool, decoder: ResourceDecoder, sha256: @escaping SHA256Function,
        configuration: Configuration = Configuration()
    ) {
        self.pool = pool
        self.decoder = decoder
        self.sha256 = sha256
        self.configuration = configuration
    }

    /// The channel on which the triggers say a new generation.
    package var channel: String { "\(schema)_config" }

    /// The channel on which servers tell each other of reasons to look that are in no table.
    package var looksChannel: String { "\(schema)_looks" }

    /// Tells every server that listens, this one too. Whoever does not listen at this moment never hears it.
    package func tell(_ message: String) async throws(ConfigStoreError) {
        let channel: SQLValue = .text(looksChannel)
        try await transaction { _ = try $0.execute("SELECT pg_notify($1, $2)", [channel, .text(message)]) }
    }

    /// Runs work on the database and maps what it throws.
    func transaction<R: Sendable>(
        _ mode: TransactionMode = .readWrite, _ body: @Sendable (isolated PostgresConnection) throws -> R
    ) async throws(ConfigStoreError) -> R {
        do { return try await pool.transaction(mode, body) } catch let error as ConfigStoreError {
            throw error
        } catch let error as DatabaseError { throw .database(error) } catch {
            throw .database(DatabaseError(.usage, "\(error)", operation: "use the config store"))
        }
    }
}

extension ConfigStore.Configuration {
    /// The proxy's store: the same tables in a schema of its own.
    package static let proxy = ConfigStore.Configuration(
        component: "proxy", schema: Schema.proxy, targets: [.proxy])
}

/// Why the store did not do what was asked.
package enum ConfigStoreError: Error, Hashable, Sendable {
    /// The store or the lease has moved: read again, plan again (409).
    case conflict(ConfigConflict)
    /// The changes are wrong; sending them again does not help (422).
    case rejected(ConfigRejection)
    /// The database failed; see ``DatabaseError/isTransient``.
    case database(DatabaseError)

    static func rejected(path: String, _ message: String) -> ConfigStoreError {
        .rejected(ConfigRejection(errors: [.init(index: 0, kind: "", name: "", path: path, message: message)]))
    }
}

/// What a store holds: as others see it, and decoded for the component that runs it.
package struct LoadedConfig: Hashable, Sendable {
    package var snapshot: ConfigSnapshot
    /// The resources that can be decoded. The others are in the snapshot with health `invalid`.
    package var decoded: [ResourceKey: DecodedResource]
    /// `Kind/name` of rows whose kind this program does not know. Written by hand or by a newer program; left alone.
    package var unknown: [String]
}
