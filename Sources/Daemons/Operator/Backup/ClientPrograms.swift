import Glibc
import Runtime

/// PostgreSQL's client programs, `pg_dump` and `pg_restore`. They read servers of their own version and older ones.
struct ClientPrograms: Sendable {
    let dump: String
    let restore: String

    /// The newest ones below `root`, of version `major` or later; those of the PATH where there are none.
    static func find(atLeast major: Int, root: String = "/usr/lib/postgresql") throws -> ClientPrograms {
        let versions: [Int] = Files.names(in: root).compactMap { Int($0) }.filter { version in
            access("\(root)/\(version)/bin/pg_dump", X_OK) == 0
                && access("\(root)/\(version)/bin/pg_restore", X_OK) == 0
        }
        guard let newest = versions.max() else { return ClientPrograms(dump: "pg_dump", restore: "pg_restore") }
        guard newest >= major else {
            throw OperatorError(
                "pg_dump of PostgreSQL \(newest) is too old for PostgreSQL \(major); install postgresql-client-\(major)"
            )
        }
        return ClientPrograms(
            dump: "\(root)/\(newest)/bin/pg_dump", restore: "\(root)/\(newest)/bin/pg_restore")
    }
}
