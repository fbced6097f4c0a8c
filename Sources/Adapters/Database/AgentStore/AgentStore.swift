package import ConfigAPI
import Declarations
package import Telemetry

/// Hosts as the server knows them: when each was last heard of, what its agent says that it runs, what it is to run, and
/// what it was asked to set right.
///
/// Times are the database's: several servers and their clocks must agree on who is silent.
package struct AgentStore: Sendable {
    private let pool: DatabasePool

    package init(pool: DatabasePool) { self.pool = pool }

    /// Notes that hosts were heard of, before anything that they sent is stored.
    package func touch(hosts: [String]) async throws(DatabaseError) {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            // In one order everywhere, so that two batches about the same hosts cannot wait for each other. A host that
            // was touched this very second is left alone.
            _ = try connection.execute(
                """
                INSERT INTO plumbline.agents AS known (host, last_seen)
                SELECT host, now() FROM unnest($1::text[]) AS seen (host) GROUP BY host ORDER BY host
                ON CONFLICT (host) DO UPDATE SET last_seen = excluded.last_seen
                    WHERE known.last_seen < excluded.last_seen - interval '1 second'
                """, [.textArray(hosts)])
        }
    }

    /// Keeps an agent's status, which is also a sign of life, and that this agent, in this boot of its host, is there.
    package func record(_ status: AgentStatus, from address: String? = nil) async throws(DatabaseError) {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            _ = try connection.execute(
                """
                WITH instance AS (
                    INSERT INTO plumbline.agent_instances (host, agent_id, boot_id, address)
                    VALUES ($1, $4, $3, $5)
                    ON CONFLICT (host, agent_id, boot_id) DO UPDATE SET last_seen = now(), address = excluded.address
                )
                INSERT INTO plumbline.agents (host, last_seen, status, status_at, boot_id, agent_id)
                VALUES ($1, now(), $2, now(), $3, $4)
                ON CONFLICT (host) DO UPDATE SET last_seen = excluded.last_seen, status = excluded.status,
                    status_at = excluded.status_at, boot_id = excluded.boot_id, agent_id = excluded.agent_id
                """,
                [
                    .text(status.host), .json(status.json), .text(status.bootId), .text(status.agentId),
                    .optional(address),
                ])
        }
    }

    /// Notes what hosts are to run. `expectedSince` moves only where that is something else than before: to `moment` by
    /// the database's clock, which is now where it is left out.
    package func expect(_ digests: [String: String], since moment: Timestamp? = nil) async throws(DatabaseError) {
        let hosts: [String] = digests.keys.sorted()
        let expected: [String] = hosts.compactMap { digests[$0] }
        try await pool.withConnection { (connection) throws(DatabaseError) in
            _ = try connection.execute(
                """
                UPDATE plumbline.agents SET expected_digest = wanted.digest, expected_since = coalesce($3, now())
                FROM unnest($1::text[], $2::text[]) AS wanted (host, digest)
                WHERE agents.host = wanted.host AND expected_digest IS DISTINCT FROM wanted.digest
                """, [.textArray(hosts), .textArray(expected), .optional(moment)])
        }
    }

    /// Notes which commit a host was seen to have applied.
    package func noteApplied(_ commit: AppliedCommit, by host: String) async throws(DatabaseError) {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            _ = try connection.execute(
                """
                UPDATE plumbline.agents SET applied_commit = $2, applied_committed_at = $3, applied_at = now()
                WHERE host = $1 AND applied_commit IS DISTINCT FROM $2
                """, [.text(host), .text(commit.id), .time(commit.committedAt)])
        }
    }

    /// Asks hosts to set resources (`Kind/name`) right. Gives the hosts that are known; each has a higher number then.
    package func requestResync(_ request: AgentResync) async throws(DatabaseError) -> [String] {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            // Of each resource only the last request is kept, so the list is no longer than the host's config.
            let asked = try connection.execute(
                """
                UPDATE plumbline.agents SET resync_number = resync_number + 1, resync = (
                    SELECT coalesce(jsonb_agg(item), '[]') FROM (
                        SELECT item FROM jsonb_array_elements(resync) AS item
                        WHERE NOT item ->> 'resource' = ANY ($2::text[])
                        UNION ALL
                        SELECT jsonb_build_object('number', resync_number + 1, 'resource', resource)
                        FROM unnest($2::text[]) AS resource
                    ) AS items)
                WHERE host = ANY ($1::text[]) RETURNING host
                """, [.textArray(request.hosts), .textArray(request.resources)])
            return asked.rows.compactMap { $0[0].string }.sorted()
        }
    }

    /// All hosts, by name, and what time it is for the database.
    package func agents() async throws(DatabaseError) -> (agents: [AgentRecord], now: Timestamp) {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            let now: Timestamp = try connection.execute("SELECT clock_timestamp() AS now").only().time("now")
            var agents: [AgentRecord] = []
            for row in try connection.execute(Self.query + " ORDER BY host COLLATE \"C\"").rows {
                agents.append(try AgentRecord(row))
            }
            return (agents, now)
        }
    }

    /// One host; nil where it was never heard of.
    package func agent(host: String) async throws(DatabaseError) -> AgentRecord? {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            guard let row = try connection.execute(Self.query + " WHERE host = $1", [.text(host)]).rows.first
            else { return nil }
            return try AgentRecord(row)
        }
    }

    /// One agent in one boot of a host.
    package struct Instance: Hashable, Sendable {
        package var host: String
        package var agentId: String
        package var bootId: String
        package var address: String?
        package var lastSeen: Timestamp
    }

    /// Agents that reported under one host's name at the same time during the last five minutes, by host: a machine was
    /// cloned, or a credential copied. An agent that was restarted, or its host, is none: its times follow those before.
    package func clones() async throws(DatabaseError) -> [String: [Instance]] {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            _ = try connection.execute(
                "DELETE FROM plumbline.agent_instances WHERE last_seen < now() - interval '1 day'")
            let result = try connection.execute(
                """
                SELECT host, agent_id, boot_id, address, last_seen FROM plumbline.agent_instances AS one
                WHERE last_seen > now() - interval '5 minutes' AND EXISTS (
                    SELECT 1 FROM plumbline.agent_instances AS other
                    WHERE other.host = one.host AND other.last_seen > now() - interval '5 minutes'
                        AND (other.agent_id, other.boot_id) <> (one.agent_id, one.boot_id)
                        AND other.last_seen > one.first_seen AND one.last_seen > other.first_seen)
                ORDER BY host, agent_id, boot_id
                """)
            var found: [String: [Instance]] = [:]
            for row in result.rows {
                let host: String = try row.string("host")
                found[host, default: []].append(
                    Instance(
                        host: host, agentId: try row.string("agent_id"), bootId: try row.string("boot_id"),
                        address: row["address"].string, lastSeen: try row.time("last_seen")))
            }
            return found
        }
    }

    /// Forgets a host that is no more. It comes back with the first thing that it sends.
    package func remove(host: String) async throws(DatabaseError) {
        try await pool.withConnection { (connection) throws(DatabaseError) in
            _ = try connection.execute("DELETE FROM plumbline.agents WHERE host = $1", [.text(host)])
        }
    }

    private static let query = """
        SELECT host, last_seen, first_seen, status, status_at, boot_id, agent_id, expected_digest, expected_since,
            resync_number, resync, applied_commit, applied_committed_at, applied_at FROM plumbline.agents
        """
}

/// One host as the server knows it.
package struct AgentRecord: Hashable, Sendable {
    package var host: String
    package var lastSeen: Timestamp
    package var firstSeen: Timestamp
    /// Nil for a host that only sends samples, and for a status that a newer program wrote.
    package var status: AgentStatus?
    package var statusAt: Timestamp?
    package var bootId: String?
    package var agentId: String?
    package var expectedDigest: String?
    package var expectedSince: Timestamp?
    /// The number of the last request to set something right; 0 before the first.
    package var resyncNumber: Int
    package var resyncRequests: [ResyncRequest]
    /// The commit that the host was last seen to have applied, and when that was seen first.
    package var applied: AppliedCommit?
    package var appliedAt: Timestamp?

    package struct ResyncRequest: Hashable, Sendable {
        package var number: Int
        /// `Kind/name`.
        package var resource: String
    }

    /// What was asked for after request `number`.
    package func resync(after number: Int) -> [String] {
        resyncRequests.filter { $0.number > number }.map(\.resource).sorted()
    }

    init(_ row: SQLRow) throws(DatabaseError) {
        host = try row.string("host")
        lastSeen = try row.time("last_seen")
        firstSeen = try row.time("first_seen")
        status = row["status"].json.flatMap { try? AgentStatus(json: $0) }
        statusAt = row["status_at"].time
        bootId = row["boot_id"].string
        agentId = row["agent_id"].string
        expectedDigest = row["expected_digest"].string
        expectedSince = row["expected_since"].time
        resyncNumber = try row.int("resync_number")
        if let id = row["applied_commit"].string, let committedAt = row["applied_committed_at"].time {
            applied = AppliedCommit(id: id, committedAt: committedAt)
        }
        appliedAt = row["applied_at"].time
        resyncRequests =
            try row.json("resync").array?.compactMap { item in
                guard let number = item["number"]?.integer, let resource = item["resource"]?.string else { return nil }
                return ResyncRequest(number: number, resource: resource)
            } ?? []
    }
}
