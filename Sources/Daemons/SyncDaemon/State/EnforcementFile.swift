import Declarations
package import Reconciliation
package import Runtime

extension StateDirectory {
    /// What people ordered; nil where nothing was ever written: then the server may know. A file that cannot be read is an
    /// error: going on without it would resume what somebody suspended.
    package func readEnforcement() throws(FileError) -> Enforcement? {
        let bytes: [UInt8]
        do { bytes = try files.read(file("enforcement.json"), limit: 1 << 20) } catch {
            guard error.isMissing else { throw error }
            return nil
        }
        do { return try Enforcement(parsing: bytes) } catch {
            throw FileError(
                path: file("enforcement.json"), operation: "use",
                reason: "\(error); move it away to go on with the orders that the server remembers")
        }
    }

    package func write(_ enforcement: Enforcement) throws(FileError) {
        try files.replace(file("enforcement.json"), with: enforcement.json.canonical)
    }
}
