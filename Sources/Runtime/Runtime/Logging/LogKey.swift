package import Logging

/// The keys of log metadata: the same thing has the same name in every program, so that logs can be searched by it.
package enum LogKey: String, Sendable {
    case address, attempt, category, commit, count, database, digest, duration, error, generation, host, instance
    case kind, method, name, path, port, reason, remote, request, resource, revision, scope, status, subject, target
    case version, waited
}

extension Logger {
    /// This logger with one more piece of metadata.
    package func with(_ key: LogKey, _ value: some CustomStringConvertible) -> Logger {
        var logger: Logger = self
        logger[metadataKey: key.rawValue] = .string(value.description)
        return logger
    }
}

/// Metadata of one log line, spelt with ``LogKey``: `logger.info("listening", metadata: .of([.port: "7700"]))`.
extension Logger.Metadata {
    package static func of(_ entries: [LogKey: Any]) -> Logger.Metadata {
        Dictionary(uniqueKeysWithValues: entries.map { ($0.key.rawValue, .string("\($0.value)")) })
    }
}
