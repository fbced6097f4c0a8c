package import Declarations
package import Telemetry

/// A request for the right to enforce: the body of `POST /v1/config/lease`.
package struct LeaseRequest: Hashable, Sendable, JSONCodable {
    /// The source's name: whose resources the writer owns. Must equal the credential's.
    package var source: String
    /// Which process holds it; the same holder renews, another waits until it ends.
    package var holder: String
    package var ttl: PromDuration
    /// The last accepted commit, stored with the lease (the history anchor); nil leaves it as it is.
    package var acceptedCommit: String?
    /// What people ordered about enforcing, with a `serial` that grows with each order; stored where it is not older
    /// than what is there, nil leaves that as it is. Kept as it comes: it is the reconciler's own note.
    package var enforcement: JSONValue?

    /// How long a lease may be asked for: a holder that vanished keeps others waiting no longer.
    package static let times: ClosedRange<PromDuration> = .seconds(1)...(.hours(1))

    package init(
        source: String, holder: String, ttl: PromDuration, acceptedCommit: String? = nil, enforcement: JSONValue? = nil
    ) {
        self.source = source
        self.holder = holder
        self.ttl = ttl
        self.acceptedCommit = acceptedCommit
        self.enforcement = enforcement
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        source = try reader.string("source")
        holder = try reader.string("holder")
        guard let ttl = PromDuration(try reader.string("ttl")) else { throw reader.error("ttl", "expected a duration") }
        self.ttl = ttl
        acceptedCommit = try reader.optionalString("acceptedCommit")
        enforcement = reader.optional("enforcement")
    }

    package var json: JSONValue {
        .object(compacting: [
            "source": .string(source), "holder": .string(holder), "ttl": .string(ttl.description),
            "acceptedCommit": acceptedCommit.map(JSONValue.string), "enforcement": enforcement,
        ])
    }
}

/// A granted lease. A PATCH under an older epoch is a conflict.
package struct Lease: Hashable, Sendable, JSONCodable {
    package var source: String
    package var epoch: Int
    package var expiresAt: Timestamp
    package var acceptedCommit: String?
    /// The latest orders that the source left here.
    package var enforcement: JSONValue?

    package init(
        source: String, epoch: Int, expiresAt: Timestamp, acceptedCommit: String?, enforcement: JSONValue? = nil
    ) {
        self.source = source
        self.epoch = epoch
        self.expiresAt = expiresAt
        self.acceptedCommit = acceptedCommit
        self.enforcement = enforcement
    }

    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        source = try reader.string("source")
        epoch = try reader.integer("epoch")
        expiresAt = try reader.time("expiresAt")
        acceptedCommit = try reader.optionalString("acceptedCommit")
        enforcement = reader.optional("enforcement")
    }

    package var json: JSONValue {
        .object(compacting: [
            "source": .string(source), "epoch": .integer(epoch), "expiresAt": .time(expiresAt),
            "acceptedCommit": acceptedCommit.map(JSONValue.string), "enforcement": enforcement,
        ])
    }
}
