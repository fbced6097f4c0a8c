package import ConfigAPI
import Declarations

extension ConfigStore {
    /// Everything that is stored now, in one consistent state.
    ///
    /// - Parameter isWhole: read every row, also those whose versions are known.
    package func snapshot(isWhole: Bool = false) async throws(ConfigStoreError) -> ConfigSnapshot {
        try await load(isWhole: isWhole).snapshot
    }

    /// Everything that is stored now, also decoded.
    package func load() async throws(ConfigStoreError) -> LoadedConfig { try await load(isWhole: false) }

    private func load(isWhole: Bool) async throws(ConfigStoreError) -> LoadedConfig {
        let raw: RawSnapshot = try await transaction(.snapshot) { try readRaw($0, isWhole: isWhole) }
        return try await decoded(raw).get()
    }

    /// What was read, when it is this reader's turn.
    func decoded(_ raw: RawSnapshot) async -> Result<LoadedConfig, ConfigStoreError> {
        await cache.turns.take {
            do throws(DatabaseError) { return .success(try loaded(raw)) } catch { return .failure(.database(error)) }
        }
    }

    /// A short text that differs when anything about the resources differs, triggers or not: it looks at the rows'
    /// physical versions, so that asking every second costs next to nothing.
    package func fingerprint() async throws(ConfigStoreError) -> String {
        do {
            return try await pool.withConnection { (connection) throws(DatabaseError) in
                try connection.execute(
                    """
                    SELECT store_id || '/' || generation || '/' || rows.count || '/' || rows.versions AS fingerprint
                    FROM \(schema).stores, (
                        SELECT count(*) AS count,
                            coalesce(bit_xor(hashtextextended(
                                kind || '/' || name || ' ' || xmin::text || ' ' || ctid::text, 0)), 0) AS versions
                        FROM \(schema).resources
                    ) AS rows
                    """
                ).only().string("fingerprint")
            }
        } catch { throw .database(error) }
    }

    // MARK: Reading

    /// What one transaction read, before anything is decoded.
    struct RawSnapshot: Sendable {
        var storeId: String
        var generation: Int
        /// Of every row the kind, the name and the physical version.
        var versions: SQLResult
        /// What was known before.
        var known: SnapshotCache.Known
        /// Of each version what was known of it; nil where nobody has read it.
        var found: [StoredRow?]
        /// The rows of which nothing was known, or all; nil where there is none.
        var rows: SQLResult?
        /// Whether all were asked for, whatever is known.
        var isWhole: Bool
        var health: SQLResult
        var instances: SQLResult
    }

    func readRaw(
        _ connection: isolated PostgresConnection, isWhole: Bool = false
    ) throws(DatabaseError) -> RawSnapshot {
        let store: SQLRow = try connection.execute("SELECT store_id, generation FROM \(schema).stores").only()
        let storeId: String = try store.string("store_id")
        let versions: SQLResult = try connection.execute(
            """
            SELECT kind, name, \(Self.version) FROM \(schema).resources ORDER BY ctid
            """)
        let known: SnapshotCache.Known = cache.known(of: storeId)
        let found: [StoredRow?] = known.rows(of: versions)
        let missing: [SQLRow] =
            isWhole ? Array(versions.rows) : zip(versions.rows, found).filter { $1 == nil }.map(\.0)
        let keys: [SQLValue] = [
            .textArray(missing.map { $0[0].string ?? "" }), .textArray(missing.map { $0[1].string ?? "" }),
        ]
        return RawSnapshot(
            storeId: storeId, generation: try store.int("generation"), versions: versions, known: known,
            found: found,
            rows: missing.isEmpty ? nil : try connection.execute(rowsQuery, keys), isWhole: isWhole,
            health: try readHealth(connection), instances: try readInstances(connection))
    }

    /// Read in the order in which the rows lie: to sort them takes PostgreSQL ten times as long as to read them.
    private static let version = "resources.xmin::text || resources.ctid::text AS version"

    /// The last change of a spec is what a difference is attributed to; where the row is not what that change left
    /// behind, somebody wrote past the triggers.
    private var rowsQuery: String {
        """
        SELECT resources.kind, resources.name, \(Self.version), resources.spec, resources.owner,
            resources.applied_digest, resources.applied_revision, resources.source,
            last.who, last.at, last.via, last.details, last.after IS NOT DISTINCT FROM resources.spec AS audited
        FROM unnest($1::text[], $2::text[]) AS wanted (kind, name)
        JOIN \(schema).resources USING (kind, name)
        LEFT JOIN LATERAL (
            SELECT audit.who, audit.at, audit.via, audit.details, audit.after FROM \(schema).audit
            WHERE audit.kind = resources.kind AND audit.name = resources.name AND before IS DISTINCT FROM after
            ORDER BY audit.id DESC LIMIT 1
        ) AS last ON true
        """
    }

    func loaded(_ raw: RawSnapshot) throws(DatabaseError) -> LoadedConfig {
        let content: StoredContent = try cache.content(of: raw, form: form(of:), health: unhealthy(in:), sha256: sha256)
        let snapshot = ConfigSnapshot(
            storeId: raw.storeId, generation: raw.generation, digest: content.digest,
            instances: try instances(of: raw.instances), resources: content.resources)
        return LoadedConfig(snapshot: snapshot, decoded: content.decoded, unknown: content.unknown)
    }

    // MARK: One row

    private func form(of row: SQLRow) throws(DatabaseError) -> StoredForm {
        let kindName: String = try row.string("kind")
        let name: String = try row.string("name")
        guard let kind = ResourceKind(rawValue: kindName), configuration.targets.contains(kind.target) else {
            return .unknown("\(kindName)/\(name)")
        }
        let decoding: Result<DecodedResource, InvalidSpec> = decode(kind, name, row["spec"])
        var resource = StoredResource(
            key: ResourceKey(kind, name), spec: .null, digest: "", owner: try row.string("owner"),
            applied: applied(row), source: row["source"].json.flatMap { try? ResourceSource(json: $0) },
            changedBy: try changedBy(row))
        switch decoding {
        case .success(let value):
            resource.spec = value.resource.spec
            resource.digest = value.resource.digest
            return .valid(resource, value)
        case .failure(let invalid):
            resource.spec = invalid.spec
            resource.digest = decoder.rawDigest(kind: kindName, name: name, spec: invalid.spec)
            resource.health = .init(state: .invalid, message: invalid.message)
            return .invalid(resource)
        }
    }

    private struct InvalidSpec: Error {
        var spec: JSONValue
        var message: String
    }

    private func decode(
        _ kind: ResourceKind, _ name: String, _ cell: SQLCell
    ) -> Result<DecodedResource, InvalidSpec> {
        // jsonb can hold numbers and depths that we refuse to read; then the text itself is all there is to show.
        guard let spec = cell.json else {
            return .failure(InvalidSpec(spec: .string(cell.string ?? ""), message: "the spec cannot be read as JSON"))
        }
        return decoder.resource(kind: kind, name: name, spec: spec)
            .mapError { InvalidSpec(spec: spec, message: $0.description) }
    }

    private func applied(_ row: SQLRow) -> Applied? {
        guard let digest = row["applied_digest"].string, let revision = row["applied_revision"].string else {
            return nil
        }
        return Applied(digest: digest, revision: revision)
    }

    private func changedBy(_ row: SQLRow) throws(DatabaseError) -> ChangedBy {
        guard try row.bool("audited"), let who = row["who"].string else { return .unaudited }
        return ChangedBy(row, who: who)
    }
}

extension ChangedBy {
    /// From the columns `at`, `via` and `details` of an audit row.
    init(_ row: SQLRow, who: String) {
        var details: [String: String] = [:]
        for (key, value) in row["details"].json?.object ?? [:] { details[key] = value.string ?? value.canonicalText }
        self.init(
            who: who, at: row["at"].time, via: row["via"].string.flatMap(Channel.init) ?? .sql, details: details)
    }
}
