/// What a restored database must forget: it is another store than the one that the backup was taken of, which may still
/// run.
package struct RestoredStore: Sendable {
    private let connection: PostgresConnection

    /// As a superuser; the schema must be the newest.
    package init(_ connection: PostgresConnection) { self.connection = connection }

    /// What was voided.
    package struct Outcome: Hashable, Sendable {
        package var storeID: String
        /// Notifications that waited; they are not sent.
        package var notifications: Int
        /// Runs of pipelines that were under way.
        package var runs: Int
    }

    /// New `storeId`s; leases, leaderships, instances, answers to repeat and login links are void; notifications that
    /// waited are `restored`, which nobody sends. The history anchors stay. All or nothing.
    package func void() async throws -> Outcome {
        try await connection.perform { connection throws(any Error) in
            try connection.transaction { connection in
                for schema in [Schema.name, Schema.proxy] { try Self.void(schema, connection) }
                try Self.renumberTransactions(connection)
                _ = try connection.execute(
                    "UPDATE plumbline.leaders SET epoch = epoch + 1, holder = 'restored', expires_at = now()")
                _ = try connection.execute("DELETE FROM plumbline.login_links")
                // Nobody could be heard meanwhile.
                _ = try connection.execute("UPDATE plumbline.reconcilers SET completed_at = now()")
                let notifications: Int = try connection.execute(
                    """
                    UPDATE plumbline.outbox SET state = 'restored',
                        last_error = 'the database was restored from a backup before this was sent'
                    WHERE state = 'waiting'
                    """
                ).affected
                _ = try connection.execute(
                    """
                    UPDATE plumbline_proxy.pipelines
                    SET epoch = epoch + 1, holder = 'restored', expires_at = now(), run = NULL
                    """)
                let runs: Int = try connection.execute(
                    """
                    UPDATE plumbline_proxy.runs SET finished_at = now(), status = 'failure',
                        error = 'it was under way when the backup was taken that this database was restored from'
                    WHERE status IS NULL
                    """
                ).affected
                let store: String = try connection.execute("SELECT store_id::text AS id FROM plumbline.stores").only()
                    .string("id")
                return Outcome(storeID: store, notifications: notifications, runs: runs)
            }
        }
    }

    private static func void(_ schema: String, _ connection: isolated PostgresConnection) throws {
        _ = try connection.execute(
            "UPDATE \(schema).stores SET store_id = gen_random_uuid(), generation = generation + 1")
        _ = try connection.execute(
            "UPDATE \(schema).leases SET epoch = epoch + 1, holder = 'restored', expires_at = now()")
        _ = try connection.execute("DELETE FROM \(schema).instances")
        _ = try connection.execute("DELETE FROM \(schema).starts")
        _ = try connection.execute("DELETE FROM \(schema).config_requests")
    }

    /// The number of a transaction means nothing in another cluster: it lies in the future there, comes again, and what
    /// compares with it is wrong until then. Whatever has one gets this transaction's.
    private static func renumberTransactions(_ connection: isolated PostgresConnection) throws {
        let columns: SQLResult = try connection.execute(
            """
            SELECT namespace.nspname AS schema, class.relname AS name, attname::text AS column
            FROM pg_attribute JOIN pg_class AS class ON class.oid = attrelid
            JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
            WHERE class.relkind = 'r' AND attnum > 0 AND NOT attisdropped AND atttypid = 'xid8'::regtype
                AND namespace.nspname !~ '^pg_' AND namespace.nspname <> 'information_schema'
            """)
        for row in columns.rows {
            let table: String = DatabaseExport.qualified(try row.string("schema"), try row.string("name"))
            let column: String = DatabaseBootstrap.quoted(try row.string("column"))
            _ = try connection.execute(
                "UPDATE \(table) SET \(column) = pg_current_xact_id() WHERE \(column) IS NOT NULL")
        }
    }
}
