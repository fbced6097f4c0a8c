import Glibc
import Runtime

/// PostgreSQL's programs on this machine.
package struct PostgresInstallation: Hashable, Sendable {
    package var programs: String
    package var major: Int

    package init(programs: String, major: Int) {
        self.programs = programs
        self.major = major
    }

    /// Older servers lack what the schema needs.
    package static let oldest = 15

    package var server: String { "\(programs)/postgres" }
    package var initdb: String { "\(programs)/initdb" }

    /// The newest installation below `root`, or the one of version `major` (a cluster can be opened by its own alone).
    package static func find(
        major wanted: Int? = nil, root: String = "/usr/lib/postgresql"
    ) throws -> PostgresInstallation {
        let found: [PostgresInstallation] = Files.names(in: root).compactMap { name in
            guard let major = Int(name), access("\(root)/\(name)/bin/postgres", X_OK) == 0 else { return nil }
            return PostgresInstallation(programs: "\(root)/\(name)/bin", major: major)
        }
        if let wanted {
            guard let installation = found.first(where: { $0.major == wanted }) else {
                throw OperatorError(
                    "the cluster was made by PostgreSQL \(wanted), which is not below \(root); install "
                        + "postgresql-\(wanted)")
            }
            return installation
        }
        guard let newest = found.max(by: { $0.major < $1.major }) else {
            throw OperatorError("there is no PostgreSQL below \(root); install the package postgresql")
        }
        guard newest.major >= oldest else {
            throw OperatorError("PostgreSQL \(newest.major) is too old; install \(oldest) or later")
        }
        return newest
    }
}
