package import ConfigAPI

/// Why a request to the config API did not succeed, by what the caller can do about it.
package enum ConfigAPIClientError: Error, Hashable, Sendable, CustomStringConvertible {
    /// No answer, or none in time: the state of the target is unknown. Retry with backoff.
    case unreachable(String)
    /// The token is missing, expired or lacks the scope. Retry after the token file was changed.
    case unauthorized(String)
    /// The store or the lease has moved: read again and plan afresh.
    case conflict(ConfigConflict)
    /// The component refuses the changes: do not retry until they, or the component, change.
    case rejected(ConfigRejection)
    /// Any other status.
    case failed(status: Int, message: String)
    /// The answer is not the form that was expected: another version, or another program.
    case malformed(String)

    package var description: String {
        switch self {
        case .unreachable(let reason): reason
        case .unauthorized(let reason): "not authorized: \(reason)"
        case .conflict(let conflict): "conflict: \(conflict.message) (generation \(conflict.generation))"
        case .rejected(let rejection): rejection.description
        case .failed(let status, let message): "status \(status): \(message)"
        case .malformed(let reason): "unexpected answer: \(reason)"
        }
    }

    /// Whether nothing is known about the target: it may have been reached or not.
    package var isUnknown: Bool {
        switch self {
        case .unreachable, .unauthorized, .malformed: true
        case .failed(let status, _): status >= 500 || status == 404 || status == 429
        case .conflict, .rejected: false
        }
    }
}

extension ConfigRejection {
    /// One line for each change that is wrong.
    package var description: String {
        errors.map { "\($0.kind)/\($0.name)\($0.path): \($0.message)" }.joined(separator: "; ")
    }
}
