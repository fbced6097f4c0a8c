import ArgumentParser
import Declarations
import Logging
import Runtime
import Systemd
import SystemdUnits

/// Changes systemd units for gitops-sync, which is not root. Started by its socket for one connection; reads one
/// request, does it if it may, answers, ends. Everything it trusts is its own: the list of units, the list of settings,
/// the one file name that it writes.
struct UnitHelperCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plumb-unit-helper",
        abstract: "Changes systemd units for gitops-sync; started by plumb-unit-helper.socket.",
        version: RuntimeVersion.current)

    @Option(help: "The user who may ask: a name or a number.")
    var user = "gitops-sync"

    @Option(
        help:
            "A file of root with the units that may be changed, by name or glob; the shipped ones where it is missing.")
    var allow = "/etc/plumbline/unit-helper.allow"

    @Option(help: .hidden) var folder = Systemctl.standardFolder
    @Option(help: .hidden) var systemctl = "/usr/bin/systemctl"

    func run() async throws {
        let logger: Logger = LogSetup(service: "plumb-unit-helper").bootstrap()
        let connection = try ActivatedConnection()
        var answer = UnitAnswer()
        do throws(SystemdError) {
            guard connection.user == ActivatedConnection.userNumber(user) else {
                throw SystemdError("user \(connection.user) may not ask")
            }
            let operation: UnitOperation = try Self.operation(try connection.line(limit: 16 << 10))
            try await carryOut(operation)
            logger.notice("done", metadata: .of([.request: operation, .subject: connection.user]))
        } catch {
            answer.error = error.description
            logger.error("refused or failed", metadata: .of([.error: error, .subject: connection.user]))
        }
        connection.send(answer.json.canonical + [UInt8(ascii: "\n")])
    }

    private static func operation(_ line: [UInt8]) throws(SystemdError) -> UnitOperation {
        do throws(JSONFormError) { return try UnitOperation(parsing: line) } catch {
            throw SystemdError(error.description)
        }
    }

    private func carryOut(_ operation: UnitOperation) async throws(SystemdError) {
        let list: UnitAllowList = try DropInFolder.allowList(allow) ?? .standard
        if let unit = operation.unit, !list.allows(unit) || !UnitSpec.isValidUnit(unit) {
            throw SystemdError("\(unit) is not among the units that may be changed (\(allow) on this machine)")
        }
        let systemctl = Systemctl(path: systemctl, folder: folder)
        switch operation {
        case .reload: try await systemctl.reload()
        case .change(let verb, let unit): try await systemctl.change(verb, unit)
        case .settings(let unit, let settings):
            if let calendar = settings[.onCalendar]?.string,
                let objection = await systemctl.objection(toCalendar: calendar)
            {
                throw SystemdError("OnCalendar: \(objection)")
            }
            try DropInFolder(folder).write(DropIn.text(settings), of: unit)
        }
    }
}

/// The program, for its `main.swift`: one call, without the argument parser in sight.
package enum UnitHelperProgram {
    package static func main() async { await UnitHelperCommand.main() }
}
