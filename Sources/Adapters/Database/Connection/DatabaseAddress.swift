/// Where a database is and as whom to open it: a libpq connection string (`host=… dbname=…`) or a
/// `postgresql://` URL. May hold a password; it is never logged, see ``description``.
package struct DatabaseAddress: Hashable, Sendable {
    package var conninfo: String

    package init(conninfo: String) { self.conninfo = conninfo }

    /// A database on a unix socket in `socketDirectory` or, with a host name, over TCP.
    package init(host socketDirectory: String, port: Int? = nil, database: String, user: String?) {
        var parts: [String] = ["host=\(Self.quoted(socketDirectory))", "dbname=\(Self.quoted(database))"]
        if let port { parts.append("port=\(port)") }
        if let user { parts.append("user=\(Self.quoted(user))") }
        conninfo = parts.joined(separator: " ")
    }

    /// A value of a connection string: in single quotes, with backslashes before quotes and backslashes.
    static func quoted(_ value: String) -> String {
        "'" + value.map { $0 == "'" || $0 == "\\" ? "\\\($0)" : "\($0)" }.joined() + "'"
    }
}

extension DatabaseAddress: CustomStringConvertible {
    /// For logs: says nothing of what is inside, because a password may be.
    package var description: String { conninfo.contains("://") ? "database URL" : "database connection string" }
}
