package import ArgumentParser
import Glibc
import PlatformClient
import Runtime

package struct DownCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "down", abstract: "Stop a plumb up that runs elsewhere. Its data stays.")

    @OptionGroup var local: LocalOptions

    package init() {}

    package func run() async throws {
        let directory: DataDirectory = try local.dataDirectory()
        guard DirectoryLock.isHeld(directory.lock) else {
            StandardOutput.line("nothing runs in \(directory.path)")
            return
        }
        guard let record = RunRecord.read(from: directory) else {
            throw OperatorError("one starts or stops in \(directory.path) right now; try again")
        }
        let ticks: UInt64? = ProcessTable.startTicks(record.processID)
        guard kill(record.processID, SIGTERM) == 0 else {
            throw OperatorError("cannot stop process \(record.processID): \(String(cString: strerror(errno)))")
        }
        guard try await ProcessTable.waitForEnd(of: record.processID, startTicks: ticks, within: .seconds(30)) else {
            throw OperatorError("process \(record.processID) does not stop; its logs are in \(directory.logs)")
        }
        StandardOutput.line("stopped; the data stays in \(directory.path)")
    }
}
