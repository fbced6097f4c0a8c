import Glibc
import Runtime

/// The programs of Plumbline, which lie beside each other.
package struct Programs: Hashable, Sendable {
    /// The folder, absolute.
    package var folder: String

    package init(folder: String) { self.folder = folder }

    package var plumb: String { "\(folder)/plumb" }
    package var server: String { "\(folder)/plumb-server" }
    package var proxy: String { "\(folder)/plumb-proxy" }
    package var agent: String { "\(folder)/plumb-agent" }
    package var sync: String { "\(folder)/gitops-sync" }
    package var page: String { "\(folder)/plumb-page" }

    /// Those beside the running executable; an error names what is not there.
    package static func besideThisOne(executable: String = "/proc/self/exe") throws -> Programs {
        guard let path = realpath(executable, nil) else { throw Files.failure("find this program by", executable) }
        defer { free(path) }
        let programs = Programs(folder: Files.parent(of: String(cString: path)))
        for program in [programs.plumb, programs.server, programs.proxy, programs.agent, programs.sync, programs.page]
        where access(program, X_OK) != 0 {
            throw OperatorError("\(program) is missing; the programs of Plumbline belong in one folder")
        }
        return programs
    }
}
