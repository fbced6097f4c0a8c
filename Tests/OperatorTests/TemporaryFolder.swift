import Glibc
import Operator
import Runtime

/// A fresh folder that is gone after `body`. Passable for others, because PostgreSQL may run as another user.
func withTemporaryFolder<Value>(_ body: (String) async throws -> Value) async throws -> Value {
    let path: String = Files.absolute(try Files.createTemporaryFolder(prefix: "operator-tests"))
    defer { try? Files.removeTree(path) }
    try Files.createFolder(path, exactly: 0o755)
    return try await body(path)
}

/// Waits until `condition` holds; false where it does not within the limit.
func eventually(within limit: Duration = .seconds(20), _ condition: () async throws -> Bool) async throws -> Bool {
    let deadline: ContinuousClock.Instant = .now + limit
    while !(try await condition()) {
        guard ContinuousClock.now < deadline else { return false }
        try await Task.sleep(for: .milliseconds(10))
    }
    return true
}

/// An executable shell script.
func writeScript(_ text: String, to path: String) throws {
    try Files.write("#!/bin/sh\n\(text)\n".utf8, to: path, mode: 0o755)
}

/// Whether the process exists.
func isAlive(_ process: Int32) -> Bool { ProcessTable.startTicks(process) != nil }
