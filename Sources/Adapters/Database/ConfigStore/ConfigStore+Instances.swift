package import ConfigAPI
package import Declarations
import Telemetry

extension ConfigStore {
    /// Says that a process of the component is alive and what it has loaded. `heartbeatAt` and `isFresh` are the
    /// database's to say and are not looked at.
    package func heartbeat(_ instance: ConfigSnapshot.Instance) async throws(ConfigStoreError) {
        let component: String = configuration.component
        try await transaction { connection in
            _ = try connection.execute(
                """
                INSERT INTO \(schema).instances AS known (id, component, loaded_generation, loaded_digest, error,
                    safe_mode)
                VALUES ($1, $2, $3, $4, $5, $6)
                ON CONFLICT (id) DO UPDATE SET component = excluded.component, heartbeat_at = now(),
                    loaded_generation = excluded.loaded_generation, loaded_digest = excluded.loaded_digest,
                    error = excluded.error, safe_mode = excluded.safe_mode
                """,
                [
                    .text(instance.id), .text(component), .integer(instance.loadedGeneration),
                    .text(instance.loadedDigest), .optional(instance.error), .bool(instance.isSafeMode),
                ])
            _ = try connection.execute("DELETE FROM \(schema).instances WHERE heartbeat_at < now() - interval '1 hour'")
        }
    }

    /// Takes a process out that stops, so that nobody waits for it.
    package func removeInstance(id: String) async throws(ConfigStoreError) {
        try await transaction { connection in
            _ = try connection.execute("DELETE FROM \(schema).instances WHERE id = $1", [.text(id)])
        }
    }

    /// Replaces what the component says of its resources; those that are not named are healthy.
    package func setHealth(_ states: [ResourceKey: StoredResource.Health]) async throws(ConfigStoreError) {
        let rows: [JSONValue] = states.filter { $0.value.state != .healthy }.map { key, health in
            .object(compacting: [
                "kind": .string(key.kind.rawValue), "name": .string(key.name), "state": .string(health.state.rawValue),
                "message": health.message.map(JSONValue.string),
            ])
        }
        try await transaction { connection in
            _ = try connection.execute(
                """
                DELETE FROM \(schema).resource_health AS health WHERE NOT EXISTS (
                    SELECT FROM jsonb_to_recordset($1) AS said (kind text, name text)
                    WHERE said.kind = health.kind AND said.name = health.name)
                """, [.json(.array(rows))])
            _ = try connection.execute(
                """
                INSERT INTO \(schema).resource_health AS health (kind, name, state, message)
                SELECT * FROM jsonb_to_recordset($1) AS said (kind text, name text, state text, message text)
                ON CONFLICT (kind, name) DO UPDATE
                    SET state = excluded.state, message = excluded.message, changed_at = now()
                    WHERE (health.state, health.message) IS DISTINCT FROM (excluded.state, excluded.message)
                """, [.json(.array(rows))])
        }
    }

    func readInstances(_ connection: isolated PostgresConnection) throws(DatabaseError) -> SQLResult {
        try connection.execute(
            """
            SELECT id, loaded_generation, loaded_digest, error, heartbeat_at, safe_mode,
                heartbeat_at > clock_timestamp() - make_interval(secs => $2) AS is_fresh
            FROM \(schema).instances WHERE component = $1 ORDER BY id
            """, [.text(configuration.component), .double(configuration.instanceFreshness.seconds)])
    }

    func instances(of result: SQLResult) throws(DatabaseError) -> [ConfigSnapshot.Instance] {
        var instances: [ConfigSnapshot.Instance] = []
        for row in result.rows {
            instances.append(
                ConfigSnapshot.Instance(
                    id: try row.string("id"), loadedGeneration: try row.int("loaded_generation"),
                    loadedDigest: try row.string("loaded_digest"), error: row["error"].string,
                    heartbeatAt: try row.time("heartbeat_at"), isFresh: try row.bool("is_fresh"),
                    isSafeMode: try row.bool("safe_mode")))
        }
        return instances
    }
}
