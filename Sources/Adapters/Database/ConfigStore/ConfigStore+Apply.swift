package import ConfigAPI
import Declarations
import Reconciliation

/// Who sends a patch: the credential's name, which is its source's too, and where the request came from.
package struct PatchWriter: Hashable, Sendable {
    package var subject: String
    package var address: String?

    package init(subject: String, address: String? = nil) {
        self.subject = subject
        self.address = address
    }
}

extension ConfigStore {
    /// Applies all changes of a patch or none, and gives what is stored then.
    ///
    /// Throws a conflict unless the store is at the patch's generation and the writer's lease is at its epoch, a
    /// rejection with every error where a change is wrong. The same request again within a day is not applied again.
    package func apply(
        _ patch: ConfigPatch, by writer: PatchWriter
    ) async throws(ConfigStoreError) -> ConfigSnapshot {
        guard (1...200).contains(patch.requestId.utf8.count) else {
            throw .rejected(path: "/requestId", "requestId must have 1 to 200 bytes")
        }
        let digest: String = hexadecimal(sha256(patch.json.canonical))
        let raw: RawSnapshot = try await transaction { connection in
            try nameActor(patch, writer, connection)
            // Everybody who changes the store waits here for the transaction before: what is read below holds until the
            // commit, and two sendings of one request are seen one after the other.
            _ = try connection.execute("SELECT 1 FROM \(schema).stores FOR UPDATE")
            if try !isReplay(patch, digest, writer, connection) {
                let before: LoadedConfig = try loaded(readRaw(connection))
                try checkPosition(patch, writer, before.snapshot, connection)
                let changes: [PatchChecker.Change] = try checked(patch, writer, before, connection)
                try write(changes, patch, writer, connection)
                try moveAlerts(changes, from: before.decoded, connection)
                try record(patch, digest, writer, connection)
            }
            return try readRaw(connection)
        }
        return try await decoded(raw).get().snapshot
    }

    // MARK: Deciding

    private func nameActor(
        _ patch: ConfigPatch, _ writer: PatchWriter, _ connection: isolated PostgresConnection
    ) throws(DatabaseError) {
        let isFromGit: Bool = patch.revision != nil && patch.leaseEpoch != nil
        let details: JSONValue = .object(compacting: [
            "address": writer.address.map(JSONValue.string), "request": .string(patch.requestId),
            "revision": patch.revision.map(JSONValue.string),
        ])
        _ = try connection.execute(
            "SELECT set_config('plumb.actor', $1, true), set_config('plumb.via', $2, true), "
                + "set_config('plumb.details', $3, true)",
            [.text(writer.subject), .text(isFromGit ? "git" : "api"), .json(details)])
    }

    private func isReplay(
        _ patch: ConfigPatch, _ digest: String, _ writer: PatchWriter, _ connection: isolated PostgresConnection
    ) throws -> Bool {
        let found = try connection.execute(
            """
            SELECT writer, patch_digest FROM \(schema).config_requests
            WHERE request_id = $1 AND at > now() - interval '24 hours'
            """, [.text(patch.requestId)])
        guard let row = found.rows.first else { return false }
        guard try row.string("writer") == writer.subject, try row.string("patch_digest") == digest else {
            throw ConfigStoreError.rejected(
                path: "/requestId", "requestId \"\(patch.requestId)\" was used for another patch")
        }
        return true
    }

    private func checkPosition(
        _ patch: ConfigPatch, _ writer: PatchWriter, _ present: ConfigSnapshot,
        _ connection: isolated PostgresConnection
    ) throws {
        func conflict(_ message: String) -> ConfigStoreError {
            .conflict(
                ConfigConflict(
                    storeId: present.storeId, generation: present.generation, digest: present.digest, message: message))
        }
        guard patch.storeId == present.storeId else { throw conflict("this is another store than \(patch.storeId)") }
        guard patch.generation == present.generation else {
            throw conflict("the store is at generation \(present.generation), the patch is for \(patch.generation)")
        }
        guard let epoch = patch.leaseEpoch else { return }
        // FOR SHARE: nobody takes the lease over before this transaction ends.
        let found = try connection.execute(
            """
            SELECT epoch, expires_at > clock_timestamp() AS lasts FROM \(schema).leases
            WHERE source = $1 FOR SHARE
            """, [.text(writer.subject)])
        guard let lease = found.rows.first else { throw conflict("source \"\(writer.subject)\" has no lease") }
        guard try lease.int("epoch") == epoch else {
            throw conflict("the lease of \"\(writer.subject)\" is at epoch \(try lease.int("epoch")), not \(epoch)")
        }
        guard try lease.bool("lasts") else { throw conflict("the lease of \"\(writer.subject)\" has ended") }
    }

    private func checked(
        _ patch: ConfigPatch, _ writer: PatchWriter, _ before: LoadedConfig, _ connection: isolated PostgresConnection
    ) throws -> [PatchChecker.Change] {
        let sources = try connection.execute("SELECT source FROM \(schema).leases").rows.compactMap { $0[0].string }
        let checker = PatchChecker(
            decoder: decoder, changesPerPatch: configuration.changesPerPatch,
            targets: configuration.targets, present: before.decoded,
            owners: Dictionary(before.snapshot.resources.map { ($0.key, $0.owner) }) { first, _ in first },
            gitSources: Set(sources))
        switch checker.check(patch, writer: writer.subject) {
        case .success(let changes): return changes
        case .failure(let rejection): throw ConfigStoreError.rejected(rejection)
        }
    }

    // MARK: Writing

    private func write(
        _ changes: [PatchChecker.Change], _ patch: ConfigPatch, _ writer: PatchWriter,
        _ connection: isolated PostgresConnection
    ) throws(DatabaseError) {
        let puts: [JSONValue] = changes.compactMap(\.row)
        let deletions: [PatchChecker.Change] = changes.filter { $0.put == nil }
        if !puts.isEmpty {
            let parameters: [SQLValue] = [.json(.array(puts)), .text(writer.subject), .optional(patch.revision)]
            _ = try connection.execute(updateStatement, parameters)
            _ = try connection.execute(insertStatement, parameters)
        }
        guard !deletions.isEmpty else { return }
        let keys: [SQLValue] = [
            .textArray(deletions.map(\.key.kind.rawValue)), .textArray(deletions.map(\.key.name)),
        ]
        for table in ["resources", "resource_health"] {
            _ = try connection.execute(
                """
                DELETE FROM \(schema).\(table) USING unnest($1::text[], $2::text[]) AS gone (kind, name)
                WHERE \(table).kind = gone.kind AND \(table).name = gone.name
                """, keys)
        }
    }

    private static let columns = "(kind text, name text, spec jsonb, digest text, source jsonb, adopt boolean)"

    /// An update by somebody else leaves owner, applied state and source as they are. A row that would stay the same is
    /// not touched, so it bumps nothing.
    private var updateStatement: String {
        """
        UPDATE \(schema).resources SET spec = new.spec, owner = new.owner, applied_digest = new.applied_digest,
            applied_revision = new.applied_revision, source = new.source, changed_at = now()
        FROM (
            SELECT wanted.kind, wanted.name, wanted.spec,
                CASE WHEN wanted.adopt THEN $2 ELSE old.owner END AS owner,
                CASE WHEN mine.yes THEN wanted.digest ELSE old.applied_digest END AS applied_digest,
                CASE WHEN mine.yes THEN $3 ELSE old.applied_revision END AS applied_revision,
                CASE WHEN mine.yes THEN coalesce(wanted.source, old.source) ELSE old.source END AS source
            FROM jsonb_to_recordset($1) AS wanted \(Self.columns)
            JOIN \(schema).resources AS old USING (kind, name)
            CROSS JOIN LATERAL (SELECT $3::text IS NOT NULL AND (wanted.adopt OR old.owner = $2) AS yes) AS mine
        ) AS new
        WHERE resources.kind = new.kind AND resources.name = new.name
            AND (resources.spec, resources.owner, resources.applied_digest, resources.applied_revision, resources.source)
                IS DISTINCT FROM (new.spec, new.owner, new.applied_digest, new.applied_revision, new.source)
        """
    }

    private var insertStatement: String {
        """
        INSERT INTO \(schema).resources (kind, name, spec, owner, applied_digest, applied_revision, source)
        SELECT kind, name, spec, $2, CASE WHEN $3::text IS NOT NULL THEN digest END, $3, source
        FROM jsonb_to_recordset($1) AS wanted \(Self.columns)
        WHERE NOT EXISTS (
            SELECT FROM \(schema).resources AS old WHERE old.kind = wanted.kind AND old.name = wanted.name)
        """
    }

    private func record(
        _ patch: ConfigPatch, _ digest: String, _ writer: PatchWriter, _ connection: isolated PostgresConnection
    ) throws(DatabaseError) {
        _ = try connection.execute("DELETE FROM \(schema).config_requests WHERE at < now() - interval '24 hours'")
        _ = try connection.execute(
            """
            INSERT INTO \(schema).config_requests (request_id, writer, patch_digest, answer)
            SELECT $1, $2, $3, jsonb_build_object('storeId', store_id, 'generation', generation) FROM \(schema).stores
            """, [.text(patch.requestId), .text(writer.subject), .text(digest)])
    }
}

extension PatchChecker.Change {
    /// The record that the statements read; nil for a deletion.
    fileprivate var row: JSONValue? {
        guard let put else { return nil }
        return .object(compacting: [
            "kind": .string(key.kind.rawValue), "name": .string(key.name), "spec": put.resource.resource.spec,
            "digest": .string(put.resource.resource.digest), "source": put.source?.json, "adopt": .bool(put.adopt),
        ])
    }
}
