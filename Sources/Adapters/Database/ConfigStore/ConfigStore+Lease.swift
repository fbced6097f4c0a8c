package import ConfigAPI
import Declarations
import Telemetry

extension ConfigStore {
    /// Grants or renews the right to enforce, by the database's clock. The epoch grows whenever the holder changes or the
    /// lease had ended. Throws a conflict while another holder's lease lasts.
    package func lease(_ request: LeaseRequest) async throws(ConfigStoreError) -> Lease {
        try check(request)
        let granted: Lease? = try await transaction { connection in
            try connection.execute(
                """
                INSERT INTO \(schema).leases AS held (source, holder, epoch, expires_at, accepted_commit, enforcement)
                VALUES ($1, $2, 1, clock_timestamp() + make_interval(secs => $3), $4, $5)
                ON CONFLICT (source) DO UPDATE SET
                    epoch = CASE WHEN held.holder = excluded.holder AND held.expires_at > clock_timestamp()
                        THEN held.epoch ELSE held.epoch + 1 END,
                    holder = excluded.holder, expires_at = excluded.expires_at,
                    accepted_commit = coalesce(excluded.accepted_commit, held.accepted_commit),
                    enforcement = CASE WHEN held.enforcement IS NULL OR
                        (excluded.enforcement -> 'serial')::bigint >= (held.enforcement -> 'serial')::bigint
                        THEN coalesce(excluded.enforcement, held.enforcement) ELSE held.enforcement END
                WHERE held.holder = excluded.holder OR held.expires_at <= clock_timestamp()
                RETURNING source, epoch, expires_at, accepted_commit, enforcement
                """,
                [
                    .text(request.source), .text(request.holder), .double(request.ttl.seconds),
                    .optional(request.acceptedCommit), request.enforcement.map(SQLValue.json) ?? .null,
                ]
            ).rows.first.map { try Lease($0) }
        }
        if let granted { return granted }
        throw try await conflict("another process holds the lease of source \"\(request.source)\"", of: request.source)
    }

    /// The last lease of a source, whether it lasts or not; nil where there was none.
    package func lastLease(of source: String) async throws(ConfigStoreError) -> Lease? {
        try await transaction(.snapshot) { connection in
            try connection.execute(
                "SELECT source, epoch, expires_at, accepted_commit, enforcement FROM \(schema).leases WHERE source = $1",
                [.text(source)]
            ).rows.first.map { try Lease($0) }
        }
    }

    private func check(_ request: LeaseRequest) throws(ConfigStoreError) {
        guard !request.source.isEmpty, !request.holder.isEmpty else {
            throw .rejected(path: "/holder", "source and holder must not be empty")
        }
        guard LeaseRequest.times.contains(request.ttl) else {
            throw .rejected(path: "/ttl", "ttl is \(request.ttl); expected 1s to 1h")
        }
        guard request.enforcement.map({ $0["serial"]?.integer != nil }) ?? true else {
            throw .rejected(path: "/enforcement", "enforcement has no serial, a whole number")
        }
    }

    private func conflict(_ message: String, of source: String) async throws(ConfigStoreError) -> ConfigStoreError {
        let lease: Lease? = try await lastLease(of: source)
        let present: ConfigSnapshot = try await snapshot()
        let until: String = lease.map { ", until \($0.expiresAt)" } ?? ""
        return .conflict(
            ConfigConflict(
                storeId: present.storeId, generation: present.generation, digest: present.digest,
                message: message + until))
    }
}

extension Lease {
    fileprivate init(_ row: SQLRow) throws(DatabaseError) {
        self.init(
            source: try row.string("source"), epoch: try row.int("epoch"), expiresAt: try row.time("expires_at"),
            acceptedCommit: row["accepted_commit"].string, enforcement: row["enforcement"].json)
    }
}
