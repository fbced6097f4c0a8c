import Pipelines

/// What the library or the server said about a call that failed.
struct MongoFailure: Error, Hashable, Sendable {
    /// Whose error it is.
    enum Origin: Hashable, Sendable {
        /// No server was found, or the connection broke: whether an update was done is not known.
        case connection
        /// The server does not believe who we say we are.
        case authentication
        /// The server refused, with a code of its own.
        case server
        /// The answer is not what the protocol says.
        case reply
        /// The library refused what it was given.
        case usage
        /// The address is none.
        case address
    }

    var origin: Origin
    var code: Int32
    var message: String

    /// Whether the connection is of no more use.
    var breaksConnection: Bool { origin != .server && origin != .usage || isPassing }

    var kind: SourceError.Kind {
        switch origin {
        case .connection, .reply: .unreachable
        case .authentication: .refused
        case .usage: .failed
        case .address: .misconfigured
        case .server where isPassing: .unreachable
        case .server where Self.refusals.contains(code): .refused
        case .server where code == 73: .misconfigured
        case .server: .failed
        }
    }

    private var isPassing: Bool { Self.passing.contains(code) }

    /// Unauthorized, AuthenticationFailed, Atlas' own.
    private static let refusals: Set<Int32> = [13, 18, 8000]

    /// Codes after which the same call may succeed later without anybody changing anything: MongoDB's retryable errors
    /// (a server that stops, a primary that steps down), locks, cursors that went with a restart, a query that took too
    /// long.
    private static let passing: Set<Int32> = [
        6, 7, 24, 43, 50, 64, 89, 91, 112, 134, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436,
    ]

    /// MaxTimeMSExpired, and sorting that needs more memory than the server gives: both mean that it looked at everything.
    private static let slow: Set<Int32> = [50, 96, 292]

    /// What to do about it.
    var remedy: String {
        if origin == .address {
            return
                "expected mongodb://[user:password@]host[:port][,…][/?options] or mongodb+srv://[user:password@]name, with"
                + " special characters of user name and password as %XX"
        }
        if origin == .server, Self.slow.contains(code) {
            return "an index on the status field and the cursor field helps"
        }
        return switch kind {
        case .unreachable: "the next run tries again"
        case .refused: "check user name, password, authSource and the user's roles (read, and readWrite to acknowledge)"
        case .misconfigured: "check database and collection"
        case .failed: "see the server's log"
        }
    }
}
