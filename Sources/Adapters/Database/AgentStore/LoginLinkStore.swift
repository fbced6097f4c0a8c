package import Telemetry

/// Links that log a browser in once. The store knows only the hash of what the link holds.
package struct LoginLinkStore: Sendable {
    private let pool: DatabasePool

    package init(pool: DatabasePool) { self.pool = pool }

    /// Keeps a link for `time`, and removes those that ended more than a day ago.
    package func create(hash: String, subject: String, validFor time: PromDuration) async throws(DatabaseError) {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            _ = try connection.execute("DELETE FROM plumbline.login_links WHERE expires_at < now() - interval '1 day'")
            _ = try connection.execute(
                """
                INSERT INTO plumbline.login_links (hash, subject, expires_at)
                VALUES ($1, $2, now() + make_interval(secs => $3))
                """, [.text(hash), .text(subject), .double(time.seconds)])
        }
    }

    /// Uses a link up and gives its subject; nil where there is none, it has ended, or somebody used it. Of two who come
    /// at once, one gets it.
    package func consume(hash: String) async throws(DatabaseError) -> String? {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            try connection.execute(
                """
                UPDATE plumbline.login_links SET used_at = now()
                WHERE hash = $1 AND used_at IS NULL AND expires_at > now() RETURNING subject
                """, [.text(hash)]
            ).rows.first?["subject"].string
        }
    }
}
