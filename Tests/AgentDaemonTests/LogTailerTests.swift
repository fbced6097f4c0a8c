@testable import AgentDaemon
import ConfigAPI
import Declarations
import Delivery
import Glibc
import HostSystem
import Runtime
import Synchronization
import Telemetry
import Testing
import WireFormats

/// Appends to a file as programs do, and rotates it as logrotate does.
private struct LogWriter {
    let path: String

    func write(_ text: String) {
        let descriptor: Int32 = open(path, O_WRONLY | O_APPEND | O_CREAT, 0o644)
        defer { close(descriptor) }
        let bytes: [UInt8] = Array(text.utf8)
        #expect(Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
    }

    func write(lines range: Range<Int>) { write(range.map { "line \(padded($0))\n" }.joined()) }

    func renameAway(to name: String = "1") { #expect(rename(path, "\(path).\(name)") == 0) }

    func copyAway(to name: String = "1") throws {
        try Files.write(try Files.read(path, limit: 64 << 20), to: "\(path).\(name)")
        #expect(truncate(path, 0) == 0)
    }
}

private func padded(_ number: Int) -> String {
    String(repeating: "0", count: max(0, 6 - "\(number)".count)) + "\(number)"
}
private func expected(_ count: Int) -> [String] { (0..<count).map { "line \(padded($0))" } }

@Suite struct LogTailerTests {
    /// An agent that reads `logs/app.log`, or what `files` names.
    private func withAgent(
        _ files: [String] = ["app.log"], _ more: [String: JSONValue] = [:],
        _ body: (FakeServer, AgentHarness, LogWriter) async throws -> Void
    ) async throws {
        try await withServer { server, harness in
            server.send(config(1, [logSource("app", files.map { "\(harness.logs)/\($0)" }, more)]))
            try await body(server, harness, LogWriter(path: "\(harness.logs)/app.log"))
        }
    }

    private func expectLines(_ count: Int, _ server: FakeServer) async throws {
        try await eventually("\(count) lines") { server.logLines.count >= count }
        #expect(server.messages == expected(count))
    }

    // Shows F-AG-16
    @Test func linesOfAHostWhoseClockIsWrongHaveTheServersTime() async throws {
        try await withAgent { server, harness, log in
            // This host is an hour ahead.
            server.setClock(ahead: .hours(-1))
            try await harness.running {
                try await eventually("the offset is known") {
                    server.values("plumb_agent_clock_offset_seconds", producer: "agent").last ?? 0 > 3000
                }
                log.write("one\n")
                try await eventually("the line") { server.logLines.count == 1 }
                let time: Timestamp = try #require(server.logLines.first?.time)
                #expect(time < .now() - .minutes(50))
            }
        }
    }

    // Shows F-AG-16
    @Test func aRotationInAFormThatIsNotReadStopsNothingAndIsCounted() async throws {
        try await withAgent { server, harness, log in
            log.write(lines: 0..<5)
            try await harness.running { try await expectLines(5, server) }
            log.write("lost in between\n")
            log.renameAway()
            #expect(rename("\(log.path).1", "\(log.path).1.xz") == 0)
            log.write(lines: 5..<9)
            // In place, as a compressor leaves it: another file.
            try Files.write([0xFD, 0x37, 0x7A], to: "\(log.path).1.xz")
            try await harness.running {
                try await expectLines(9, server)
                try await eventually("it is counted") {
                    server.values("plumb_agent_log_unreadable_files_total", producer: "agent").last == 1
                }
            }
        }
    }

    // Shows F-AG-16
    @Test func whatStandsInAFileAndWhatIsWrittenToItArrives() async throws {
        try await withAgent { server, harness, log in
            log.write(lines: 0..<5)
            try await harness.running {
                try await expectLines(5, server)
                log.write(lines: 5..<3000)
                try await expectLines(3000, server)
            }
            let origin: LogOrigin? = server.logStreams.values.first?.origin
            #expect(origin == LogOrigin(source: "app", path: log.path))
        }
    }

    // Shows F-AG-16
    @Test func aFileThatAppearsLaterIsReadFromItsBeginning() async throws {
        try await withAgent(["*.log"], ["from": "end", "labels": ["job": "x"]]) { server, harness, log in
            log.write("before\n")
            try await harness.running {
                try await eventually("a look") { server.statuses.last?.running.resources.first?.state == .running }
                try await eventually("positions") { access("\(harness.folder)/state/log-positions.json", F_OK) == 0 }
                log.write("after\n")
                LogWriter(path: "\(harness.logs)/new.log").write("new\n")
                try await eventually("two lines") { server.logLines.count >= 2 }
            }
            #expect(server.messages == ["after", "new"])
            #expect(server.logStreams.values.allSatisfy { $0.origin.labels == ["job": "x"] })
        }
    }

    // Shows F-AG-16, W-A-05
    @Test func halfALineWaitsForItsOtherHalfAndAloneIsTakenInTheEnd() async throws {
        try await withAgent { server, harness, log in
            try await harness.running {
                log.write("half ")
                try await Task.sleep(for: .milliseconds(60))
                log.write("and half\nrest")
                try await eventually("the rest too") { server.logLines.count >= 2 }
                log.write(" of it\n")
                try await eventually("what came too late") { server.logLines.count >= 3 }
            }
            #expect(server.messages == [" of it", "half and half", "rest"])
        }
    }

    // Shows F-AG-16, W-A-04
    @Test func aRenamedFileIsReadToItsEndAndTheNewOneFromItsBeginning() async throws {
        try await withAgent { server, harness, log in
            try await harness.running {
                log.write(lines: 0..<1)
                try await expectLines(1, server)
                for round in 0..<20 {
                    log.write(lines: max(1, round * 10)..<(round * 10 + 7))
                    log.renameAway(to: "\(round)")
                    // The program writes to the old file until it is told.
                    LogWriter(path: "\(log.path).\(round)").write(lines: (round * 10 + 7)..<(round * 10 + 10))
                }
                try await expectLines(200, server)
            }
        }
    }

    // Shows F-AG-16
    @Test func aTruncatedFileIsReadFromItsBeginningAndTheCopyToItsEnd() async throws {
        try await withAgent { server, harness, log in
            try await harness.running {
                log.write(lines: 0..<1)
                try await expectLines(1, server)
                for round in 0..<20 {
                    log.write(lines: max(1, round * 10)..<(round * 10 + 10))
                    try log.copyAway(to: "\(round)")
                    if round % 5 == 0 { try await expectLines(round * 10 + 10, server) }
                }
                try await expectLines(200, server)
            }
        }
    }

    // Shows F-AG-16
    @Test func aGlobOverRotatedNamesTooReadsNothingTwice() async throws {
        for copies in [false, true] {
            try await withAgent(["app.log*"]) { server, harness, log in
                try await harness.running {
                    for round in 0..<6 {
                        log.write(lines: (round * 10)..<(round * 10 + 10))
                        if copies { try log.copyAway(to: "\(round)") } else { log.renameAway(to: "\(round)") }
                        try await expectLines(round * 10 + 10, server)
                    }
                }
            }
        }
    }

    // Shows F-AG-18, W-A-05
    @Test func whatIsWrittenRenamedAndCopiedWhileTheAgentIsDownIsFound() async throws {
        for copies in [false, true] {
            try await withAgent { server, harness, log in
                log.write(lines: 0..<10)
                try await harness.running { try await expectLines(10, server) }
                log.write(lines: 10..<20)
                for round in 1...3 {
                    // The newest has the lowest number, as logrotate does it.
                    for number in (1..<round).reversed() {
                        rename("\(log.path).\(number)", "\(log.path).\(number + 1)")
                    }
                    if copies { try log.copyAway() } else { log.renameAway() }
                    log.write(lines: (10 + round * 10)..<(20 + round * 10))
                }
                try await harness.running { try await expectLines(50, server) }
            }
        }
    }

    // Shows F-AG-18, W-A-07
    @Test func anAnswerThatIsLostCostsNoLineAndNoSecondOne() async throws {
        try await withAgent { server, harness, log in
            server.answerLogs { number, _ in number % 3 == 1 ? .storeAndFail : .accept }
            try await harness.running {
                for round in 0..<10 {
                    log.write(lines: (round * 50)..<(round * 50 + 50))
                    try await expectLines(round * 50 + 50, server)
                }
            }
        }
    }

    // Shows F-AG-18
    @Test func positionsThatAreLostOrOldCostNoSecondLine() async throws {
        try await withAgent { server, harness, log in
            let positions = "\(harness.folder)/state/log-positions.json"
            log.write(lines: 0..<10)
            var old: [UInt8] = []
            try await harness.running {
                try await expectLines(10, server)
                try await eventually("positions") { access(positions, F_OK) == 0 }
                old = try Files.read(positions)
            }
            log.write(lines: 10..<20)
            try await harness.running { try await expectLines(20, server) }
            // As after a crash before the last positions were written.
            try Files.write(old, to: positions)
            log.write(lines: 20..<30)
            try await harness.running { try await expectLines(30, server) }
        }
    }

    // Sent again after a crash, with another time, they would pass for lines that the server has.
    @Test func thatLinesWereRejectedIsWrittenDownAtOnce() async throws {
        try await withAgent(["app.log"], ["parser": "json"]) { server, harness, log in
            let positions = LogPositions(path: "\(harness.folder)/state/log-positions.json")
            try await harness.running {
                log.write("{\"message\":\"of now\"}\n")
                try await eventually("the first line") { server.messages == ["of now"] }
                log.write("{\"time\":\"1970-01-01T00:00:00Z\",\"message\":\"too old\"}\n")
                try await eventually("it is counted on disk") { try positions.read().lines.dropped[.rejected] == 1 }
            }
        }
    }

    // Shows F-AG-13, F-AG-18
    @Test func whilePositionsCannotBeWrittenOnlyNewFilesWait() async throws {
        try await withAgent(["*.log"]) { server, harness, log in
            let positions = "\(harness.folder)/state/log-positions.json"
            let new = LogWriter(path: "\(harness.logs)/new.log")
            log.write(lines: 0..<10)
            var saved: [UInt8] = []
            try await harness.running {
                try await expectLines(10, server)
                // Nothing can be written in its place, as on a disk that is full.
                saved = try Files.read(positions)
                unlink(positions)
                try Files.createFolder(positions)
                new.write("new\n")
                log.write(lines: 10..<20)
                try await expectLines(20, server)
                log.write(lines: 20..<30)
                try await expectLines(30, server)
            }
            // What a kill in that state leaves: what was written down before it.
            rmdir(positions)
            try Files.write(saved, to: positions)
            try await harness.running {
                log.write(lines: 30..<40)
                try await eventually("all lines") { server.logLines.count >= 41 }
            }
            #expect(server.messages == expected(40) + ["new"])
        }
    }

    // Shows F-AG-18
    @Test func aFileThatWasMetEmptyIsNotTakenForAnotherAfterACrash() async throws {
        try await withAgent { server, harness, log in
            let positions = "\(harness.folder)/state/log-positions.json"
            try Files.write([], to: log.path)
            var left: [UInt8] = []
            try await harness.running {
                try await eventually("positions") { access(positions, F_OK) == 0 }
                log.write(lines: 0..<10)
                try await expectLines(10, server)
                left = try Files.read(positions)
            }
            // What a kill at that moment leaves.
            try Files.write(left, to: positions)
            try log.copyAway()
            log.write(lines: 10..<40)
            try await harness.running { try await expectLines(40, server) }
        }
    }

    // Shows F-AG-13
    @Test func whileTheServerIsAwayNothingIsKeptInMemoryAndNothingIsLost() async throws {
        try await withAgent { server, harness, log in
            server.answerLogs { _, _ in .refuse(503) }
            try await harness.running {
                for round in 0..<30 {
                    log.write(lines: (round * 1000)..<(round * 1000 + 1000))
                    if round % 3 == 0 { log.renameAway(to: "\(round)") }
                    if round % 3 == 1 { try log.copyAway(to: "\(round)") }
                    try await Task.sleep(for: .milliseconds(20))
                }
                server.answerLogs { _, _ in .accept }
                try await eventually("all lines", within: .seconds(30)) { server.logLines.count >= 30_000 }
                #expect(server.messages == expected(30_000))
            }
        }
    }

    // Shows W-A-03
    @Test func aLineThatTheServerRefusesAloneIsGivenUpAndAllOthersArrive() async throws {
        try await withAgent { server, harness, log in
            server.answerLogs { _, request in
                request.streams.contains { $0.lines.contains { $0.line?.message == "poison" } } ? .refuse(400) : .accept
            }
            log.write(lines: 0..<300)
            log.write("poison\n")
            log.write(lines: 300..<500)
            try await harness.running {
                try await expectLines(500, server)
                try await eventually("the count") {
                    server.values("plumb_agent_dropped_log_lines_total{reason=\"refused\"}", producer: "agent")
                        .contains(1)
                }
            }
        }
    }

    // Shows F-AG-16
    @Test func aFileThatMayNotBeReadIsReportedOnceAndTheOthersAreRead() async throws {
        try await withAgent(["*.log", "absent/x.log"]) { server, harness, log in
            // Root may read everything; a link to itself nobody can.
            symlink("\(harness.logs)/loop.log", "\(harness.logs)/loop.log")
            mkfifo("\(harness.logs)/pipe.log", 0o600)
            log.write(lines: 0..<3)
            try await harness.running {
                try await expectLines(3, server)
                try await eventually("the state") {
                    server.statuses.last?.running.resources.first?.state == .running
                }
            }
        }
    }

    @Test func ofTwoSourcesThatNameAFileOneReadsIt() async throws {
        try await withServer { server, harness in
            let files: [String] = ["\(harness.logs)/app.log"]
            server.send(config(1, [logSource("a", files), logSource("b", files, ["priority": 1])]))
            let log = LogWriter(path: files[0])
            log.write(lines: 0..<5)
            try await harness.running {
                try await expectLines(5, server)
                #expect(server.logStreams.values.map(\.origin.source) == ["b"])
                // Live: what takes over goes on where the other was.
                server.send(config(2, [logSource("a", files)]))
                try await eventually("the change") { server.statuses.last?.running.resources.count == 1 }
                log.write(lines: 5..<10)
                try await expectLines(10, server)
            }
        }
    }

    @Test func aRemovedFileIsReadToItsEnd() async throws {
        try await withAgent { server, harness, log in
            server.answerLogs { _, _ in .refuse(503) }
            log.write(lines: 0..<2000)
            try await harness.running {
                try await eventually("a request") { server.logRequests > 0 }
                unlink(log.path)
                server.answerLogs { _, _ in .accept }
                try await expectLines(2000, server)
                log.write(lines: 2000..<2010)
                try await expectLines(2010, server)
            }
        }
    }

    /// As logrotate's `compress` leaves a program that opens its log anew only a while later.
    // Shows F-AG-16, W-A-04
    @Test func whatIsWrittenToAFileThatWasRemovedArrivesAndThenTheFileIsLetGo() async throws {
        try await withAgent(["*.log"]) { server, harness, log in
            log.write(lines: 0..<10)
            let descriptor: Int32 = open(log.path, O_WRONLY | O_APPEND | O_CLOEXEC)
            defer { close(descriptor) }
            try await harness.running {
                try await expectLines(10, server)
                unlink(log.path)
                // Two scans later it is long known to be delivered.
                for number in 10..<13 {
                    LogWriter(path: "\(harness.logs)/other.log").write(lines: number..<(number + 1))
                    try await expectLines(number + 1, server)
                }
                let bytes: [UInt8] = Array("line \(padded(13))\n".utf8)
                #expect(Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
                try await expectLines(14, server)
                // One is the test's own.
                try await eventually("it is let go") { openFiles(removed: log.path) == 1 }
            }
        }
    }

    private func openFiles(removed path: String) -> Int {
        ((try? LinuxHostFiles().list("/proc/self/fd")) ?? []).count { name in
            var target = [CChar](repeating: 0, count: 4096)
            let count: Int = readlink("/proc/self/fd/\(name)", &target, target.count)
            let bytes: [UInt8] = target.prefix(max(0, count)).map { UInt8(bitPattern: $0) }
            return String(decoding: bytes, as: UTF8.self) == "\(path) (deleted)"
        }
    }

    @Test func filesWithoutANameAreKeptForAWhileAndOnlySoMany() {
        let wait: Duration = LogTailer.removedWait
        #expect(LogTailer.released(quietFor: [.zero, wait, wait - .seconds(1), wait * 2]) == [1, 3])
        let spans: [Duration] = (0..<40).map { .milliseconds($0) }
        #expect(LogTailer.released(quietFor: spans) == Array(LogTailer.mostRemoved..<40))
        #expect(LogTailer.released(quietFor: []).isEmpty)
    }

    @Test func linesHaveTheirOwnTimesAndATracebackHasThatOfItsLine() async throws {
        try await withAgent { server, harness, log in
            let start: Timestamp = .now() - .minutes(10)
            log.write("\(start) ERROR it failed\n  at a\n  at b\n\(start + .minutes(1)) INFO on\n")
            try await harness.running { try await eventually("lines") { server.logLines.count >= 4 } }
            #expect(server.logLines.map(\.time) == [start, start, start, start + .minutes(1)])
            #expect(server.logLines.map(\.level) == [.error, .info, .info, .info])
        }
    }
}
