package import Declarations
package import Pipelines
package import Telemetry

/// One page of a run, mapped.
package struct PipelinePage: Hashable, Sendable {
    package var events: [Item]
    package var deadLetters: [DeadLetter]
    /// The place behind it, and of which source; nil for a source whose documents are marked.
    package var position: Position?

    package struct Item: Hashable, Sendable {
        package var event: Event
        /// The document's key at the source.
        package var document: String

        package init(event: Event, document: String) {
            self.event = event
            self.document = document
        }
    }

    package struct DeadLetter: Hashable, Sendable {
        package var document: String
        package var reason: String
        /// The document, where it fits.
        package var body: JSONValue?
        /// Its beginning, where it does not or is no document.
        package var excerpt: String?

        package init(document: String, reason: String, body: JSONValue?, excerpt: String?) {
            self.document = document
            self.reason = reason
            self.body = body
            self.excerpt = excerpt
        }
    }

    package struct Position: Hashable, Sendable {
        package var text: String
        package var source: String

        package init(text: String, source: String) {
            self.text = text
            self.source = source
        }
    }

    package init(events: [Item], deadLetters: [DeadLetter], position: Position?) {
        self.events = events
        self.deadLetters = deadLetters
        self.position = position
    }

    package var count: Int { events.count + deadLetters.count }
}

/// What became of the documents of a page.
package struct PageCounts: Hashable, Sendable {
    package var loaded = 0
    /// Were there already.
    package var duplicates = 0
    package var dead = 0

    package init(loaded: Int = 0, duplicates: Int = 0, dead: Int = 0) {
        self.loaded = loaded
        self.duplicates = duplicates
        self.dead = dead
    }
}

extension PipelineStore {
    /// Stores a page: events, dead letters, the run's counts and the position, all in one transaction under the lease.
    /// Afterwards each document of the page is exactly once among the events or exactly once among the dead letters.
    package func store(
        _ page: PipelinePage, _ lease: RunLease, renewing span: PromDuration
    ) async throws(PipelineStoreError) -> PageCounts {
        do { try await EventStore.preparePartitions(for: page.events.map(\.event), pool) } catch {
            throw .database(error)
        }
        return try await transaction { connection in
            try connection.renew(lease, for: span)
            let rows: [EventRow] = page.events.map { EventRow(event: $0.event, document: $0.document) }
            let inserted: Set<Int> = try connection.insertEvents(rows, pipeline: lease.pipeline)
            try connection.forgetDeadLetters(page.events.map(\.document), lease)
            let dead: Int = try connection.insertDeadLetters(page.deadLetters, lease)
            let counts = PageCounts(
                loaded: inserted.count, duplicates: page.count - inserted.count - dead, dead: dead)
            try connection.count(counts, lease)
            if let position = page.position {
                _ = try connection.execute(
                    "UPDATE plumbline_proxy.pipelines SET position = $2, position_of = $3 WHERE name = $1",
                    [.text(lease.pipeline), .text(position.text), .text(position.source)])
            }
            return counts
        }
    }
}

extension PostgresConnection {
    /// A document that is an event now (its pipeline was mended, or it was) is no dead letter any more.
    fileprivate func forgetDeadLetters(_ documents: [String], _ lease: RunLease) throws(DatabaseError) {
        guard !documents.isEmpty else { return }
        _ = try execute(
            "DELETE FROM plumbline_proxy.dead_letters WHERE pipeline = $1 AND document = ANY ($2::text[])",
            [.text(lease.pipeline), .textArray(documents)])
    }

    /// Gives how many are dead letters now; a document that is an event already stays one.
    fileprivate func insertDeadLetters(
        _ letters: [PipelinePage.DeadLetter], _ lease: RunLease
    ) throws(DatabaseError) -> Int {
        guard !letters.isEmpty else { return 0 }
        var unique: [String: JSONValue] = [:]
        for letter in letters {
            unique[letter.document] = .object(compacting: [
                "document": .string(letter.document), "reason": .string(letter.reason), "body": letter.body,
                "excerpt": letter.excerpt.map(JSONValue.string),
            ])
        }
        let items: [JSONValue] = unique.sorted { $0.key < $1.key }.map(\.value)
        return try execute(
            """
            INSERT INTO plumbline_proxy.dead_letters AS known (pipeline, document, reason, body, excerpt, run)
            SELECT $1, document, reason, body, excerpt, $3
            FROM jsonb_to_recordset($2) AS item (document text, reason text, body jsonb, excerpt text)
            WHERE NOT EXISTS (
                SELECT FROM event_keys WHERE event_keys.pipeline = $1 AND event_keys.document = item.document)
            ON CONFLICT (pipeline, document) DO UPDATE SET reason = excluded.reason, body = excluded.body,
                excerpt = excluded.excerpt, run = excluded.run, attempts = known.attempts + 1, last_at = now()
            """, [.text(lease.pipeline), .json(.array(items)), .text(lease.run.description)]
        ).affected
    }

    fileprivate func count(_ counts: PageCounts, _ lease: RunLease) throws(DatabaseError) {
        _ = try execute(
            """
            UPDATE plumbline_proxy.runs SET read = read + $2 + $3 + $4, loaded = loaded + $2,
                duplicates = duplicates + $3, dead = dead + $4
            WHERE id = $1
            """,
            [
                .text(lease.run.description), .integer(counts.loaded), .integer(counts.duplicates),
                .integer(counts.dead),
            ])
    }
}
