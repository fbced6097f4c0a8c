import Database
import Runtime
import Telemetry

/// Where the database's disk is, and what is free there.
actor DiskLocator {
    private let pool: DatabasePool
    /// Given by who started the server: where the database's files are on this machine.
    private let folder: String?
    private let measure: @Sendable (_ path: String) async throws -> DiskSpace
    /// What the database said, which holds while the database itself is away.
    private var found: String?

    init(
        pool: DatabasePool, folder: String?, measure: @escaping @Sendable (_ path: String) async throws -> DiskSpace
    ) {
        self.pool = pool
        self.folder = folder
        self.measure = measure
    }

    /// What is free on the disk of the database's files. Throws why that is not known.
    func space() async throws -> DiskSpace {
        if let known = folder ?? found {
            do { return try await measure(known) } catch {
                found = nil
                throw error
            }
        }
        let facts: DatabaseFacts = try await DatabaseFacts.read(pool)
        guard facts.isLocal else {
            throw DiskProblem(
                "the database is on another machine; where its disk is mounted here, give --database-disk")
        }
        guard let folder = facts.dataDirectory else {
            throw DiskProblem(
                "the role may not see where the database's files are: GRANT pg_read_all_settings TO plumbline")
        }
        found = folder
        return try await measure(folder)
    }

    func space(at path: String) async throws -> DiskSpace { try await measure(path) }
}
