package import ArgumentParser
import Glibc
import PlatformClient
import Runtime

package struct PsqlCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "psql", abstract: "Open the database as role operator, people's own.",
        discussion: "What is changed here is attributed to operator, through sql, in the next drift report.")

    @OptionGroup var local: LocalOptions

    @Argument(parsing: .postTerminator, help: "Arguments for psql, after --.")
    var arguments: [String] = []

    package init() {}

    package func run() async throws {
        let directory: DataDirectory = try local.dataDirectory()
        let record: RunRecord = try local.runningRecord(of: directory)
        guard !record.operatorDatabase.isEmpty else {
            throw OperatorError("this one uses the PostgreSQL of DATABASE_URL; open it with psql, as role operator")
        }
        setenv("PGAPPNAME", "plumb psql", 1)
        setenv("PGOPTIONS", "-c search_path=plumbline,public", 0)
        let words: [String] = ["psql", record.operatorDatabase] + arguments
        var pointers: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
        pointers.append(nil)
        // Becomes psql: the terminal, the exit status and the signals are its own.
        execvp("psql", &pointers)
        throw OperatorError(
            "cannot run psql: \(String(cString: strerror(errno))); install the package postgresql-client")
    }
}
