import Runtime

/// What an agent holds its credentials in: never read as logs, whoever declares it. What is read can be queried by more
/// people than may act for this host.
struct CredentialFiles: Sendable {
    /// With all that is below it.
    var folder: String
    var files: [String]

    /// Why a file is not read, by where it really lies; nil where it is none of these.
    func refusal(of path: String) -> FileError? {
        let real: String = Files.absolute(path)
        guard real.hasPrefix(Files.absolute(folder) + "/") || files.contains(where: { Files.absolute($0) == real })
        else {
            return nil
        }
        return FileError(
            path: path, operation: "read",
            reason: "the agent keeps its credentials there; take it out of the LogSource, or exclude it")
    }
}
