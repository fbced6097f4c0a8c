@testable import AgentDaemon
import Compression
import Declarations
import Glibc
import HostSystem
import Runtime
import Synchronization
import Telemetry
import Testing

/// What becomes of a log while a program writes to it, one case each.
private enum Fate: String, CaseIterable, CustomTestStringConvertible {
    case rename, renameAndKeepWriting, numbersThatMoveUp, dateInTheName, numberBeforeTheEnding, compressedAtOnce
    case compressedOneLater, copyAndTruncate, copyWithADate, truncateInPlace, deleteAndCreate, equalBeginning
    case newFilesByGlob, symbolicLinkToAnother, folderBehindALink, globOverRotatedNames
    case compressedWhileDown, compressedTwiceWhileDown, compressedWithZstdWhileDown
    case renamedWhileDown, twiceRenamedWhileDown, twiceRenamedWhileDownWithTheNumberInside, copiedWhileDown
    case deletedWhileDown, inodeUsedAgainWhileDown, killed, killedBetweenRotations
    case copyWithoutAppending, copyTwiceWithoutAppending, copyWithoutAppendingWhileDown
    case halvesOfLines, carriageReturns, nulCharacters, noUTF8, overLongLines, noLineFeedAtTheEnd

    var testDescription: String { rawValue }
    /// Those that come to a log while no agent runs.
    static let ofTheNight: Set<Fate> = [
        .renamedWhileDown, .twiceRenamedWhileDown, .twiceRenamedWhileDownWithTheNumberInside, .copiedWhileDown,
        .deletedWhileDown, .inodeUsedAgainWhileDown, .killed, .killedBetweenRotations, .compressedWhileDown,
        .compressedTwiceWhileDown, .compressedWithZstdWhileDown, .copyWithoutAppendingWhileDown,
    ]
    /// The others, some at a time.
    static let ofTheDay: [[Fate]] = {
        let fates: [Fate] = allCases.filter { !ofTheNight.contains($0) }
        return stride(from: 0, to: fates.count, by: 6).map { Array(fates[$0..<min($0 + 6, fates.count)]) }
    }()
    /// Whether the program goes on where it was in a file that was truncated.
    var keepsItsPlace: Bool {
        [.copyWithoutAppending, .copyTwiceWithoutAppending, .copyWithoutAppendingWhileDown].contains(self)
    }
}

/// A program that writes numbered lines as fast as it is let, in a thread of its own.
private final class LoadedLog: Sendable {
    struct State {
        var next = 0
        var path: String
        /// What is written as the first line of each file.
        var header: String?
        var isStopped = false
        var isPaused = false
        /// Of a program that opened its file once, and not to append: it goes on where it was, whatever the file's size.
        var descriptor: Int32?
    }

    let state: Mutex<State>
    private let line: @Sendable (Int) -> [[UInt8]]

    init(_ path: String, line: @escaping @Sendable (Int) -> [[UInt8]]) {
        state = Mutex(State(path: path))
        self.line = line
    }

    var path: String { state.withLock { $0.path } }
    var written: Int { state.withLock { $0.next } }

    deinit { if let descriptor = state.withLock({ $0.descriptor }) { close(descriptor) } }

    /// From now on as a program does whose output is redirected with `>`.
    func stopAppending() {
        state.withLock { $0.descriptor = open($0.path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644) }
    }

    /// Writes some lines. Between two writes of a line anything may look.
    func write(_ count: Int = 8) { state.withLock { write(count, &$0) } }

    private func write(_ count: Int, _ state: inout State) {
        guard !state.isPaused else { return }
        let isNew: Bool = access(state.path, F_OK) != 0
        let descriptor: Int32 = state.descriptor ?? open(state.path, O_WRONLY | O_APPEND | O_CREAT, 0o644)
        defer { if state.descriptor == nil { close(descriptor) } }
        if isNew, let header = state.header { put(Array(header.utf8), descriptor) }
        for number in state.next..<(state.next + count) {
            for part in line(number) { put(part, descriptor) }
        }
        state.next += count
    }

    private func put(_ bytes: [UInt8], _ descriptor: Int32) {
        #expect(Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
    }

    func keepWriting(every span: Duration) async {
        while !Task.isCancelled, !state.withLock({ $0.isStopped }) {
            write()
            try? await Task.sleep(for: span)
        }
    }

    /// What a rotation does while the program does not write, as between its writes.
    func between<Result: Sendable>(_ body: (inout State) throws -> Result) rethrows -> Result {
        try state.withLock { (state: inout State) -> Result in try body(&state) }
    }

    func copy(to name: String) throws {
        try between { state in
            try Files.write(try Files.read(state.path, limit: 64 << 20), to: name)
            #expect(truncate(state.path, 0) == 0)
        }
    }
}

@Suite struct RotationMatrixTests {
    private static let rounds = 6

    /// The number of a line, wherever it was cut or repaired.
    private static func number(_ message: String) -> Int? {
        guard message.hasPrefix("line ") else { return nil }
        return Int(message.dropFirst(5).prefix(7))
    }

    private static func text(_ number: Int) -> String {
        "line " + String(repeating: "0", count: 7 - "\(number)".count) + "\(number)"
    }

    private static func line(_ fate: Fate) -> @Sendable (Int) -> [[UInt8]] {
        { number in
            let text: [UInt8] = Array(text(number).utf8)
            switch fate {
            case .halvesOfLines: return [Array(text.prefix(9)), Array(text.dropFirst(9)), [0x0A]]
            case .carriageReturns: return [text + [0x0D, 0x0A]]
            case .nulCharacters: return [text + [0x20, 0, 0, 0x0A]]
            case .noUTF8: return [text + [0x20, 0xFF, 0xC3, 0x28, 0x0A]]
            case .overLongLines where number % 50 == 0:
                return [text + [UInt8](repeating: 0x78, count: 100_000), [0x0A]]
            default: return [text + Array(" with some more behind it\n".utf8)]
            }
        }
    }

    private static func files(_ fate: Fate, _ folder: String) -> [String] {
        switch fate {
        case .newFilesByGlob: ["\(folder)/*.log"]
        case .globOverRotatedNames: ["\(folder)/app.log*"]
        case .folderBehindALink: ["\(folder)/link/app.log"]
        default: ["\(folder)/app.log"]
        }
    }

    // Shows F-AG-16, F-AG-18, W-A-04, W-A-05, W-A-07
    @Test(arguments: Fate.allCases) fileprivate func everyLineArrivesOnce(fate: Fate) async throws {
        try await withServer { server, harness in
            let log: LoadedLog = try begin(fate, server, harness)
            try await rotate(fate, log, server, harness)
            log.between { $0.isStopped = true }
        }
    }

    /// A log with some lines, and a server with faults.
    private func begin(_ fate: Fate, _ server: FakeServer, _ harness: AgentHarness) throws -> LoadedLog {
        server.send(config(1, [logSource("app", Self.files(fate, harness.logs))]))
        // Now and then there is no answer, though the lines are stored, and now and then no server.
        server.answerLogs { number, _ in
            switch number % 9 {
            case 3: .storeAndFail
            case 6: .refuse(503)
            default: .accept
            }
        }
        if fate == .folderBehindALink {
            try Files.createFolder("\(harness.logs)/real")
            symlink("\(harness.logs)/real", "\(harness.logs)/link")
        }
        let log = LoadedLog(
            fate == .folderBehindALink ? "\(harness.logs)/link/app.log" : "\(harness.logs)/app.log",
            line: Self.line(fate))
        if fate == .equalBeginning {
            log.between { $0.header = "# " + String(repeating: "equal ", count: 100) + "\n" }
        }
        if fate.keepsItsPlace { log.stopAppending() }
        log.write()
        return log
    }

    private func rotate(_ fate: Fate, _ log: LoadedLog, _ server: FakeServer, _ harness: AgentHarness) async throws {
        guard Fate.ofTheNight.contains(fate) else {
            return try await harness.running {
                try await rotateUnderLoad(fate, rounds: Self.rounds, every: .milliseconds(2), log, server)
            }
        }
        for round in 0..<Self.rounds {
            try await harness.running { try await whileUp(fate, round, log, server, harness) }
            try whileDown(fate, round, log, harness)
        }
        try await harness.running { try await expectEach(log, server) }
    }

    /// While the program writes some lines in each span.
    private func rotateUnderLoad(
        _ fate: Fate, rounds: Int, every span: Duration, _ log: LoadedLog, _ server: FakeServer
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await log.keepWriting(every: span) }
            for round in 0..<rounds {
                try await someArrive(log, server)
                try await rotateOnce(fate, round, log, server)
            }
            log.write()
            log.between { $0.isStopped = true }
            try await group.waitForAll()
        }
        if fate == .noLineFeedAtTheEnd {
            let descriptor: Int32 = open(log.path, O_WRONLY | O_APPEND)
            let bytes: [UInt8] = Array(Self.text(log.written).utf8)
            #expect(Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
            close(descriptor)
            log.between { $0.next += 1 }
        }
        try await expectEach(log, server, fate)
    }

    /// The same as the installed agent waits: on the machine's clock, and for the kernel to tell of changes. Some fates at a
    /// time, as most of the time is waiting.
    // Shows F-AG-16, F-AG-18, W-A-04, W-A-05, W-A-07
    @Test(
        .enabled(if: FolderStamp("/tmp")?.identity.isOnDisk ?? false, "temporary files are on no disk here"),
        arguments: Fate.ofTheDay)
    fileprivate func everyLineArrivesOnceWhereTheKernelTellsOfChanges(fates: [Fate]) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for fate in fates {
                group.addTask {
                    try await withServer(clock: ContinuousClock(), waitsOnThreads: true) { server, harness in
                        let log: LoadedLog = try self.begin(fate, server, harness)
                        try await harness.running {
                            try await self.rotateUnderLoad(
                                fate, rounds: 2, every: .milliseconds(20), log, server)
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// Waits until lines come in that are written now.
    private func someArrive(_ log: LoadedLog, _ server: FakeServer) async throws {
        let (written, stored): (Int, Int) = (log.written, server.logLines.count)
        try await eventually("lines that are written now", within: .seconds(30)) {
            log.written > written && server.logLines.count > stored
        }
    }

    /// Waits until the lines that were written so far have arrived.
    private func arrived(_ log: LoadedLog, _ server: FakeServer) async throws {
        let written: Int = log.written
        try await eventually("\(written) lines", within: .seconds(30)) { server.logLines.count >= written }
    }

    private func rotateOnce(_ fate: Fate, _ round: Int, _ log: LoadedLog, _ server: FakeServer) async throws {
        let path: String = log.path
        let folder: String = folderAndName(path).folder
        switch fate {
        case .rename, .equalBeginning, .folderBehindALink, .globOverRotatedNames, .halvesOfLines, .carriageReturns,
            .nulCharacters, .noUTF8, .overLongLines, .noLineFeedAtTheEnd:
            log.between { _ in #expect(Glibc.rename(path, "\(path).\(round)") == 0) }
        case .renameAndKeepWriting:
            // The program has the old file open until it is told.
            log.between { state in
                #expect(Glibc.rename(path, "\(path).\(round)") == 0)
                state.path = "\(path).\(round)"
            }
            let written: Int = log.written
            try await eventually("lines to the old file") { log.written > written + 20 }
            log.between { $0.path = path }
        case .numbersThatMoveUp:
            log.between { _ in
                for number in (1...Self.rounds).reversed() {
                    Glibc.rename("\(path).\(number)", "\(path).\(number + 1)")
                }
                #expect(Glibc.rename(path, "\(path).1") == 0)
            }
        case .dateInTheName:
            log.between { _ in #expect(Glibc.rename(path, "\(path)-2026112\(round)") == 0) }
        case .numberBeforeTheEnding:
            log.between { _ in #expect(Glibc.rename(path, "\(folder)/app-\(round).log") == 0) }
        case .compressedAtOnce:
            log.between { _ in #expect(Glibc.rename(path, "\(path).\(round)") == 0) }
            pack("\(path).\(round)")
        case .compressedOneLater:
            log.between { _ in #expect(Glibc.rename(path, "\(path).\(round)") == 0) }
            if round > 0 { pack("\(path).\(round - 1)") }
        case .copyAndTruncate, .copyWithoutAppending: try log.copy(to: "\(path).\(round)")
        case .copyTwiceWithoutAppending:
            try log.copy(to: "\(path).\(round)")
            log.write()
            try log.copy(to: "\(path).1\(round)")
        case .copyWithADate: try log.copy(to: "\(path)-2026112\(round)")
        case .truncateInPlace:
            // What is not read yet is lost in such a file: it is truncated when all of it has arrived.
            log.between { $0.isPaused = true }
            try await arrived(log, server)
            #expect(truncate(path, 0) == 0)
            log.between { $0.isPaused = false }
        case .deleteAndCreate:
            // A file that nobody saw before it was deleted is gone.
            try await arrived(log, server)
            log.between { _ in #expect(unlink(path) == 0) }
            try await arrived(log, server)
        case .newFilesByGlob:
            log.between { $0.path = "\(folder)/app\(round).log" }
        case .symbolicLinkToAnother:
            log.between { state in
                if round == 0 { Glibc.rename(path, "\(folder)/first") }
                let target = "\(folder)/target-\(round)"
                unlink("\(folder)/new")
                symlink(target, "\(folder)/new")
                state.path = target
            }
            log.write()
            #expect(Glibc.rename("\(folder)/new", "\(folder)/app.log") == 0)
            // Only the link names its target: one that no look ever saw cannot be found again.
            try await arrived(log, server)
        default: Issue.record("no such fate while the agent runs: \(fate)")
        }
    }

    /// What logrotate's `compress` does.
    private func pack(_ path: String) {
        #expect(system("gzip -- '\(path)'") == 0)
    }

    // MARK: While the agent is down

    private var positions: String { "log-positions.json" }

    private func whileUp(
        _ fate: Fate, _ round: Int, _ log: LoadedLog, _ server: FakeServer, _ harness: AgentHarness
    ) async throws {
        let path = "\(harness.folder)/state/\(positions)"
        log.write(200)
        try await arrived(log, server)
        guard fate == .killed || fate == .killedBetweenRotations else { return }
        if fate == .killedBetweenRotations {
            let name: String = log.path
            log.between { _ in #expect(Glibc.rename(name, "\(name).\(round)") == 0) }
            log.write(50)
            try await arrived(log, server)
        }
        // What a kill leaves: positions of some moment before, with the names of all streams of which anything was sent.
        let then: [UInt8] = try Files.read(path)
        log.write(200)
        try await arrived(log, server)
        try Files.write(then, to: "\(path).then")
    }

    private func whileDown(_ fate: Fate, _ round: Int, _ log: LoadedLog, _ harness: AgentHarness) throws {
        let path: String = log.path
        func rename(_ count: Int, name: (Int) -> String) {
            for number in 0..<count {
                log.write(150)
                log.between { _ in #expect(Glibc.rename(path, name(round * 10 + number)) == 0) }
            }
            log.write(150)
        }
        switch fate {
        case .renamedWhileDown: rename(1) { "\(path).\($0)" }
        case .twiceRenamedWhileDown: rename(3) { "\(path).\($0)" }
        case .twiceRenamedWhileDownWithTheNumberInside: rename(3) { "\(harness.logs)/app-\($0).log" }
        case .copiedWhileDown, .copyWithoutAppendingWhileDown:
            for number in 0..<2 {
                log.write(150)
                try log.copy(to: "\(path).\(round)\(number)")
            }
            log.write(150)
        case .compressedWhileDown:
            rename(1) { "\(path).\($0)" }
            pack("\(path).\(round * 10)")
        case .compressedTwiceWhileDown:
            rename(2) { "\(path).\($0)" }
            for number in 0..<2 { pack("\(path).\(round * 10 + number)") }
        case .compressedWithZstdWhileDown:
            rename(1) { "\(path).\($0)" }
            let name = "\(path).\(round * 10)"
            try Files.write(Zstd.compress(try Files.read(name, limit: 64 << 20)), to: "\(name).zst")
            unlink(name)
        case .deletedWhileDown:
            unlink(path)
            log.write(150)
        case .inodeUsedAgainWhileDown:
            let old: FileIdentity = try #require(FoundFile(path)).identity
            unlink(path)
            log.write(150)
            // Whether the file system gives the number again is its own affair; the agent is told that it did.
            let new: FileIdentity = try #require(FoundFile(path)).identity
            let state = "\(harness.folder)/state/\(positions)"
            let text: String = try Files.text(state)
            let told: String = text.replacing("\"inode\":\"\(old.inode)\"", with: "\"inode\":\"\(new.inode)\"")
            try Files.write(Array(told.utf8), to: state)
        case .killed, .killedBetweenRotations:
            let state = "\(harness.folder)/state/\(positions)"
            #expect(Glibc.rename("\(state).then", state) == 0)
            if fate == .killedBetweenRotations { rename(1) { "\(path).9\($0)" } }
            log.write(150)
        default: Issue.record("no such fate while the agent is down: \(fate)")
        }
    }

    private func expectEach(_ log: LoadedLog, _ server: FakeServer, _ fate: Fate? = nil) async throws {
        let expected: Int = log.written
        do {
            try await eventually("\(expected) lines", within: .seconds(60)) {
                server.logLines.count { Self.number($0.message) != nil } >= expected
            }
        } catch {}
        let found: [Int] = server.logLines.compactMap { Self.number($0.message) }.sorted()
        let missing: Int = Set(0..<expected).subtracting(found).count
        #expect(
            missing == 0,
            "\(fate?.rawValue ?? ""): \(missing) of \(expected) lines are lost: \(Set(0..<expected).subtracting(found).min() ?? -1)…"
        )
        #expect(found.count - Set(found).count == 0, "\(fate?.rawValue ?? ""): lines are stored twice")
    }
}
