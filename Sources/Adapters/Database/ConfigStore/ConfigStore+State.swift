package import ConfigAPI
import Declarations

extension ConfigStore {
    /// Where the store stands, without reading what it holds.
    package func state() async throws(ConfigStoreError) -> StoreState {
        let read: (store: SQLRow, instances: SQLResult, health: SQLResult) = try await transaction(.snapshot) {
            (
                store: try $0.execute("SELECT store_id, generation FROM \(schema).stores").only(),
                instances: try readInstances($0),
                health: try readHealth($0)
            )
        }
        do {
            return StoreState(
                storeId: try read.store.string("store_id"), generation: try read.store.int("generation"),
                instances: try instances(of: read.instances), unhealthy: try unhealthy(in: read.health))
        } catch { throw .database(error) }
    }

    func readHealth(_ connection: isolated PostgresConnection) throws(DatabaseError) -> SQLResult {
        try connection.execute("SELECT kind, name, state, message FROM \(schema).resource_health ORDER BY kind, name")
    }

    /// By `Kind/name`, what the component says of its resources; what it does not name is healthy.
    func unhealthy(in result: SQLResult) throws(DatabaseError) -> [String: StoredResource.Health] {
        var unhealthy: [String: StoredResource.Health] = [:]
        for row in result.rows {
            guard let state = StoredResource.Health.State(rawValue: try row.string("state")) else { continue }
            unhealthy["\(try row.string("kind"))/\(try row.string("name"))"] = .init(
                state: state, message: row["message"].string)
        }
        return unhealthy
    }
}
