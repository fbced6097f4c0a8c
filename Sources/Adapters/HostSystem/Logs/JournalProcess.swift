import Runtime
import Subprocess
import SystemPackage

/// Reads the journal of systemd through `journalctl`, its own reader: the file format and its changes stay systemd's
/// affair, and what this process may not read is decided where it always is.
package struct JournalProcess: Sendable {
    /// The program and what comes before the arguments that say what to read.
    package var command: [String]

    package init(command: [String] = ["journalctl"]) { self.command = command }

    package enum Start: Hashable, Sendable {
        case beginning, end
        case after(cursor: String)
    }

    /// Only these: a core dump in a field of the journal can have a gigabyte.
    private static let fields = [
        "MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "_COMM", "_PID", "_SYSTEMD_UNIT", "UNIT", "_TRANSPORT",
        "CONTAINER_NAME",
    ]

    /// A longer line is left out.
    private static let longestLine = 8 << 20

    /// Runs `journalctl` until it ends or the task is cancelled, and gives each line that it writes. What is no JSON is
    /// what it has to say to people. Not more is read than `take` has returned from. Answers how it ended.
    package func follow(_ start: Start, take: ([UInt8]) async -> Void) async throws -> String {
        let result = try await Subprocess.run(
            .path("/bin/sh"),
            arguments: Arguments(["-c", Self.script, "journal"] + command + Self.arguments(start)),
            platformOptions: options, input: .inputWriter, output: .sequence, error: .discarded
        ) { execution in
            var line: [UInt8] = []
            var isTooLong = false
            for try await buffer in execution.standardOutput {
                for piece in pieces(of: buffer.withUnsafeBytes { Array($0) }) {
                    if !isTooLong { line += piece.bytes }
                    isTooLong = isTooLong || line.count > Self.longestLine
                    guard piece.endsLine else { continue }
                    if !isTooLong, !line.isEmpty { await take(line) }
                    line = []
                    isTooLong = false
                }
            }
        }
        return "\(result.terminationStatus)"
    }

    /// A shell holds the journal's reader by its input: at the end of this process, whatever ends it, the shell reads the
    /// end of that, and ends the reader. By itself the reader would only notice when it has something to write.
    private static let script = #""$@" </dev/null 2>&1 & p=$!; exec >/dev/null; read -r _; kill "$p"; wait "$p""#

    private var options: PlatformOptions {
        var options = PlatformOptions()
        options.processGroupID = 0
        options.teardownSequence = [
            .send(signal: .kill, toProcessGroup: true, allowedDurationToNextStep: .seconds(5))
        ]
        return options
    }

    private static func arguments(_ start: Start) -> [String] {
        let common = [
            "--output=json", "--all", "--follow", "--no-pager", "--output-fields=\(fields.joined(separator: ","))",
        ]
        switch start {
        case .beginning: return common + ["--no-tail"]
        // The last one says where the end is.
        case .end: return common + ["--lines=1"]
        case .after(let cursor): return common + ["--no-tail", "--after-cursor=\(cursor)"]
        }
    }
}

private func pieces(of bytes: [UInt8]) -> [(bytes: ArraySlice<UInt8>, endsLine: Bool)] {
    var pieces: [(bytes: ArraySlice<UInt8>, endsLine: Bool)] = []
    var rest: ArraySlice<UInt8> = bytes[...]
    while let feed = rest.firstIndex(of: 0x0A) {
        pieces.append((rest[..<feed], true))
        rest = rest[(feed + 1)...]
    }
    if !rest.isEmpty { pieces.append((rest, false)) }
    return pieces
}
