import Glibc
import Runtime

/// Two log files that get a line each at every call.
struct GrowingLogs: Sendable {
    let folder: String

    static let names = ["app.log", "access.log"]

    func make() throws {
        try Files.createFolder(folder)
        // The platform's children may run as another user.
        chmod(folder, 0o755)
        try grow()
    }

    var manifest: String {
        """
        apiVersion: plumbline/v1
        kind: LogSource
        metadata:
          name: system
        spec:
          files:
            - \(folder)/*.log

        """
    }

    func grow() throws {
        for name in Self.names {
            guard let file = fopen("\(folder)/\(name)", "a") else { throw Files.failure("write", "\(folder)/\(name)") }
            defer { fclose(file) }
            fputs("level=info msg=\"request served\" path=/orders/\(Int.random(in: 0...99_999)) status=200\n", file)
        }
    }
}
