package import Declarations
package import Runtime
import Glibc

/// The folder that gitops-sync owns: its state, reports, repositories and lock. Only its owner may look in.
package struct StateDirectory: Sendable {
    package let path: String
    package let files: any StateFiles

    package init(_ path: String, files: any StateFiles = DiskFiles()) {
        self.path = path
        self.files = files
    }

    package func create() throws(FileError) { try files.createFolder(path) }

    /// The state; the initial one where none was ever written. A file that cannot be read is an error: going on without
    /// the accepted commit would take a rewritten history for a first start.
    package func readState() throws(FileError) -> SyncState {
        let bytes: [UInt8]
        do { bytes = try files.read(file("state.json"), limit: 256 << 20) } catch {
            guard error.isMissing else { throw error }
            return .initial
        }
        do { return try SyncState(parsing: bytes) } catch {
            throw FileError(
                path: file("state.json"), operation: "use",
                reason: "\(error); move it away to start anew from the history that the server remembers")
        }
    }

    package func write(_ state: SyncState) throws(FileError) { try write(stateText: state.json.canonical) }

    /// - Parameter stateText: a state's JSON.
    func write(stateText: [UInt8]) throws(FileError) { try files.replace(file("state.json"), with: stateText) }

    /// Nil where there is none, or the machine failed while it was written.
    package func readStatus() throws(FileError) -> JSONValue? {
        let bytes: [UInt8]
        do { bytes = try files.read(file("status.json"), limit: 1 << 20) } catch {
            guard error.isMissing else { throw error }
            return nil
        }
        return try? JSONValue(parsing: bytes)
    }

    /// Written after each look, which costs little else: the next one writes what a failure of the machine takes.
    package func write(status: JSONValue) throws(FileError) {
        try files.replace(file("status.json"), with: status.canonical, isLasting: false)
    }

    /// The key under which secrets are hashed in reports, so that a hash says nothing without it. Made on first use.
    package func redactionKey() throws(FileError) -> [UInt8] { try random("redaction.key") }

    /// A name for this directory that no other has. Made on first use.
    package func identity() throws(FileError) -> String { hexadecimal(try random("identity").prefix(8)) }

    /// 32 random bytes that stay the same.
    private func random(_ name: String) throws(FileError) -> [UInt8] {
        if let known = try? files.read(file(name), limit: 1 << 10), known.count == 32 { return known }
        var generator = SystemRandomNumberGenerator()
        let bytes: [UInt8] = (0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) }
        do { try files.create(file(name), with: bytes) } catch {
            guard error.code == EEXIST else { throw error }
            return try files.read(file(name), limit: 1 << 10)
        }
        return bytes
    }

    package func file(_ name: String) -> String { "\(path)/\(name)" }
}
