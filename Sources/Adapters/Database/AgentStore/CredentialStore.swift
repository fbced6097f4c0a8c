package import Telemetry

/// Enrolments, the agents' secrets, and what was revoked. The store knows hashes only; times are the database's.
package struct CredentialStore: Sendable {
    private let pool: DatabasePool

    package init(pool: DatabasePool) { self.pool = pool }

    /// One host's credential, as people see it.
    package struct Credential: Hashable, Sendable {
        package var host: String
        package var createdAt: Timestamp
        package var lastUsedAt: Timestamp?
        package var lastAddress: String?
        package var revokedAt: Timestamp?
        package var revokedBy: String?
    }

    /// What came of presenting an enrolment token.
    package enum Enrolment: Hashable, Sendable {
        case enrolled
        /// Never made, ended, or used with another secret or one that was revoked since; or the secret is another host's.
        case unknown
        /// Made for another host; it was not used up.
        case otherHost(String)
    }

    /// Keeps an enrolment token for `time`, and removes those that ended more than a day ago.
    package func create(
        hash: String, host: String, by subject: String, validFor time: PromDuration
    ) async throws(DatabaseError) {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            _ = try connection.execute("DELETE FROM plumbline.enrolments WHERE expires_at < now() - interval '1 day'")
            _ = try connection.execute(
                """
                INSERT INTO plumbline.enrolments (hash, host, created_by, expires_at)
                VALUES ($1, $2, $3, now() + make_interval(secs => $4))
                """, [.text(hash), .text(host), .text(subject), .double(time.seconds)])
        }
    }

    /// Exchanges an enrolment token for a secret, in one transaction; the host's secret before ends. The same token with
    /// the same secret again is fine as long as that secret holds: the answer was lost.
    package func enrol(hash: String, secretHash: String, host: String) async throws(DatabaseError) -> Enrolment {
        do {
            return try await pool.transaction { connection in
                try Self.enrol(hash, secretHash, host, connection)
            }
        } catch let error as DatabaseError { throw error } catch {
            throw DatabaseError(.usage, "\(error)", operation: "enrol an agent")
        }
    }

    private static func enrol(
        _ hash: String, _ secretHash: String, _ host: String, _ connection: isolated PostgresConnection
    ) throws(DatabaseError) -> Enrolment {
        guard
            let row = try connection.execute(
                """
                SELECT host, secret_hash, used_at IS NULL AND expires_at > now() AS fresh
                FROM plumbline.enrolments WHERE hash = $1 FOR UPDATE
                """, [.text(hash)]
            ).rows.first
        else { return .unknown }
        let wanted: String = try row.string("host")
        guard wanted == host else { return .otherHost(wanted) }
        let known: SecretState = try state(of: secretHash, host, connection)
        if row["secret_hash"].string == secretHash { return known == .valid ? .enrolled : .unknown }
        // Before anything is changed: a refusal uses no token up and ends no secret.
        guard row["fresh"].bool == true, known != .otherHosts else { return .unknown }
        _ = try connection.execute(
            "UPDATE plumbline.enrolments SET used_at = now(), secret_hash = $2 WHERE hash = $1",
            [.text(hash), .text(secretHash)])
        _ = try connection.execute(
            """
            UPDATE plumbline.agent_credentials SET revoked_at = now(), revoked_by = 'enrolled again'
            WHERE host = $1 AND revoked_at IS NULL
            """, [.text(host)])
        // An agent that never heard that its secret was taken presents it again with the next token. That token is fresh,
        // somebody made it for this host: the secret counts from now on, whatever became of it before.
        _ = try connection.execute(
            """
            INSERT INTO plumbline.agent_credentials (secret_hash, host) VALUES ($1, $2)
            ON CONFLICT (secret_hash) DO UPDATE SET created_at = now(), revoked_at = NULL, revoked_by = NULL
            """, [.text(secretHash), .text(host)])
        return .enrolled
    }

    /// What the server knows of a secret that is presented for a host.
    private enum SecretState { case unseen, valid, revoked, otherHosts }

    private static func state(
        of secretHash: String, _ host: String, _ connection: isolated PostgresConnection
    ) throws(DatabaseError) -> SecretState {
        let found: SQLResult = try connection.execute(
            "SELECT host, revoked_at FROM plumbline.agent_credentials WHERE secret_hash = $1 FOR UPDATE",
            [.text(secretHash)])
        guard let row = found.rows.first else { return .unseen }
        guard try row.string("host") == host else { return .otherHosts }
        return row["revoked_at"].time == nil ? .valid : .revoked
    }

    /// The host whose secret this is; nil where there is none, or it was revoked.
    package func host(secretHash: String, address: String?) async throws(DatabaseError) -> String? {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            try connection.execute(
                """
                UPDATE plumbline.agent_credentials SET last_used_at = now(), last_address = $2
                WHERE secret_hash = $1 AND revoked_at IS NULL RETURNING host
                """, [.text(secretHash), .optional(address)]
            ).rows.first?["host"].string
        }
    }

    /// Ends the host's secret and every token of it that was made so far. Answers whether there was a secret.
    package func revoke(host: String, by subject: String) async throws(DatabaseError) -> Bool {
        do {
            return try await pool.transaction { connection in
                _ = try connection.execute(
                    """
                    INSERT INTO plumbline.host_revocations (host, not_before, revoked_by) VALUES ($1, now(), $2)
                    ON CONFLICT (host) DO UPDATE SET not_before = now(), revoked_by = excluded.revoked_by
                    """, [.text(host), .text(subject)])
                _ = try connection.execute(
                    "UPDATE plumbline.enrolments SET expires_at = now() WHERE host = $1 AND expires_at > now()",
                    [.text(host)])
                return try connection.execute(
                    """
                    UPDATE plumbline.agent_credentials SET revoked_at = now(), revoked_by = $2
                    WHERE host = $1 AND revoked_at IS NULL
                    """, [.text(host), .text(subject)]
                ).affected > 0
            }
        } catch let error as DatabaseError { throw error } catch {
            throw DatabaseError(.usage, "\(error)", operation: "revoke a host's credential")
        }
    }

    /// Since when tokens of each host count. Hosts of which nothing was revoked are not in it.
    package func revocations() async throws(DatabaseError) -> [String: Timestamp] {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            // A token lives 366 days at most: what is older refuses nothing any more.
            let result = try connection.execute(
                """
                SELECT host, not_before FROM plumbline.host_revocations
                WHERE not_before > now() - interval '367 days'
                """)
            var found: [String: Timestamp] = [:]
            for row in result.rows { found[try row.string("host")] = try row.time("not_before") }
            return found
        }
    }

    /// The last credential of every host, by name.
    package func credentials() async throws(DatabaseError) -> [Credential] {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            let result = try connection.execute(
                """
                SELECT DISTINCT ON (host COLLATE "C") host, created_at, last_used_at, last_address, revoked_at,
                    revoked_by
                FROM plumbline.agent_credentials ORDER BY host COLLATE "C", created_at DESC
                """)
            var found: [Credential] = []
            for row in result.rows {
                found.append(
                    Credential(
                        host: try row.string("host"), createdAt: try row.time("created_at"),
                        lastUsedAt: row["last_used_at"].time, lastAddress: row["last_address"].string,
                        revokedAt: row["revoked_at"].time, revokedBy: row["revoked_by"].string))
            }
            return found
        }
    }
}
