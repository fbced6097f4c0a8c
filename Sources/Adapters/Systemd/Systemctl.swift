import Runtime
import Subprocess
package import SystemdUnits
import SystemPackage

/// `systemctl` of this machine.
package struct Systemctl: Sendable {
    /// Of the program; tests have one of their own.
    package var path: String
    /// Where a machine's own units and drop-ins are.
    package var folder: String

    package static let standardFolder = "/etc/systemd/system"

    package init(path: String = "/usr/bin/systemctl", folder: String = Self.standardFolder) {
        self.path = path
        self.folder = folder
    }

    /// What systemd says of units, and their drop-ins. Needs no rights.
    package func looks(at units: [String]) async throws(SystemdError) -> [UnitLook] {
        guard !units.isEmpty else { return [] }
        let shown: String = try await run(
            [
                "show", "--no-pager", "--timestamp=us+utc", "--property=\(UnitLook.properties.joined(separator: ","))",
                "--",
            ]
                + units)
        guard var looks = UnitLook.looks(at: units, shown: shown) else {
            throw SystemdError("systemctl show answered something else than was asked")
        }
        for index in looks.indices {
            let dropIn: String = DropIn.path(of: looks[index].unit, in: folder)
            do throws(FileError) {
                looks[index].dropIn = try Files.text(dropIn, limit: 64 << 10)
                looks[index].dropInChangedAt = Files.changedAt(dropIn)
            } catch {
                guard !error.isMissing else { continue }
                throw SystemdError(error.description)
            }
        }
        return looks
    }

    /// Changes a unit, and waits until systemd has done it. Needs root.
    package func change(_ verb: UnitOperation.Verb, _ unit: String) async throws(SystemdError) {
        _ = try await run(["--no-ask-password", verb.rawValue, "--", unit])
    }

    package func reload() async throws(SystemdError) { _ = try await run(["--no-ask-password", "daemon-reload"]) }

    /// What is wrong with a calendar event; nil where systemd understands it.
    package func objection(toCalendar text: String) async -> String? {
        do throws(SystemdError) { _ = try await run(["calendar", "--", text], of: "/usr/bin/systemd-analyze") } catch {
            return error.description
        }
        return nil
    }

    private func run(_ arguments: [String], of program: String? = nil) async throws(SystemdError) -> String {
        let program: String = program ?? path
        let environment: [Environment.Key: String] = [
            "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "SYSTEMD_COLORS": "0",
        ]
        do {
            let result = try await Subprocess.run(
                .path(FilePath(program)), arguments: Arguments(arguments), environment: .custom(environment),
                output: .string(limit: 4 << 20), error: .string(limit: 64 << 10))
            guard case .exited(0) = result.terminationStatus else {
                let words: String = trimmed(result.standardError)
                throw SystemdError(words.isEmpty ? "\(program) \(arguments[0]): \(result.terminationStatus)" : words)
            }
            return result.standardOutput
        } catch let error as SystemdError { throw error } catch {
            throw SystemdError("cannot run \(program): \(error)")
        }
    }
}

/// The first of several lines says what is wrong; the rest are hints for people at a terminal.
private func trimmed(_ text: String) -> String {
    let line: Substring = text.split(separator: "\n").first ?? ""
    return String(line.prefix(500))
}
