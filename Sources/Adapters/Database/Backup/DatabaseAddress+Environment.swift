import CLibpq
import Glibc

extension DatabaseAddress {
    /// The variables that make libpq's own programs (`pg_dump`, `pg_restore`) open this database: unlike arguments, nobody
    /// else on the machine can read them, and a password may be among them. Throws where the address makes no sense.
    package func environment() throws(DatabaseError) -> [String: String] {
        var message: UnsafeMutablePointer<CChar>?
        guard let options = unsafe PQconninfoParse(conninfo, &message) else {
            let reason: String = unsafe message.map { unsafe String(cString: $0) } ?? "out of memory"
            unsafe PQfreemem(message)
            throw .usage(reason.split(whereSeparator: \.isNewline).joined(separator: " "), operation: "read \(self)")
        }
        defer { unsafe PQconninfoFree(options) }
        var variables: [String: String] = [:]
        var option: UnsafeMutablePointer<PQconninfoOption> = unsafe options
        while let keyword = unsafe option.pointee.keyword {
            if let value = unsafe option.pointee.val {
                let name: String = unsafe String(cString: keyword)
                if let variable = unsafe option.pointee.envvar {
                    variables[unsafe String(cString: variable)] = unsafe String(cString: value)
                } else if !name.hasPrefix("keepalives"), name != "tcp_user_timeout" {
                    throw .usage("\(name) cannot be handed on to PostgreSQL's programs", operation: "read \(self)")
                }
            }
            unsafe option += 1
        }
        return variables
    }
}
