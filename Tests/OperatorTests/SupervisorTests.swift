import Glibc
import Operator
import Runtime
import Synchronization
import SystemPackage
import Testing

@Suite struct SupervisorTests {
    private func specification(
        _ folder: String, _ script: String, stopWithin: Duration = .seconds(10)
    ) -> ChildSpecification {
        ChildSpecification(
            name: "child", executable: "/bin/sh", arguments: ["-c", script], environment: ["GREETING": "hello"],
            logFile: "\(folder)/child.log", stopWithin: stopWithin)
    }

    @Test func aChildThatEndsIsStartedAgainLaterAndLater() async throws {
        try await withTemporaryFolder { folder in
            let clock = RecordingClock()
            let states = Mutex<[ChildState]>([])
            let supervisor = Supervisor(lifeline: try LifelinePipe(), clock: clock, random: { 0 }) { all in
                states.withLock { $0 += all }
            }
            await supervisor.start(specification(folder, #"echo "$GREETING $PLUMB_LIFELINE"; exit 3"#))
            #expect(try await eventually { clock.waits.count >= 8 })
            await supervisor.stop("child")
            let waits: [Duration] = Array(clock.waits.prefix(8))
            #expect(
                waits == [
                    .milliseconds(500), .seconds(1), .seconds(2), .seconds(4), .seconds(8), .seconds(16), .seconds(30),
                    .seconds(30),
                ])
            let seen: [ChildState] = states.withLock { $0 }
            #expect(seen.contains { $0.lastEnd == "exit status 3" && $0.restarts == 1 })
            #expect(seen.last?.phase == .stopped)
            #expect(try Files.text("\(folder)/child.log").hasPrefix("hello stdin\nhello stdin\n"))
        }
    }

    @Test func aChildThatRanLongEnoughStartsAgainSoon() async throws {
        try await withTemporaryFolder { folder in
            let clock = RecordingClock()
            let supervisor = Supervisor(lifeline: try LifelinePipe(), clock: clock, random: { 0 }) { states in
                // Each run takes a minute of the clock.
                if case .running = states.first?.phase { clock.advance(by: .seconds(60)) }
            }
            await supervisor.start(specification(folder, "exit 1"))
            #expect(try await eventually { clock.waits.count >= 4 })
            await supervisor.stop("child")
            #expect(clock.waits.prefix(4).allSatisfy { $0 == .milliseconds(500) })
        }
    }

    @Test func aProgramThatIsNotThereIsTriedAgainAndSaid() async throws {
        try await withTemporaryFolder { folder in
            let clock = RecordingClock()
            let supervisor = Supervisor(lifeline: try LifelinePipe(), clock: clock) { _ in }
            var specification: ChildSpecification = specification(folder, "")
            specification.executable = "\(folder)/not-there"
            await supervisor.start(specification)
            #expect(try await eventually { clock.waits.count >= 2 })
            #expect(await supervisor.states.first?.lastEnd?.hasPrefix("not started") == true)
            await supervisor.stop("child")
        }
    }

    @Test func stoppingAsksFirstAndIsNoRestart() async throws {
        try await withTemporaryFolder { folder in
            let supervisor = Supervisor(lifeline: try LifelinePipe()) { _ in }
            let script = #"trap 'echo asked; exit 0' TERM; echo ready; while :; do sleep 0.05; done"#
            await supervisor.start(specification(folder, script))
            let log = "\(folder)/child.log"
            #expect(try await eventually { (try? Files.text(log)) == "ready\n" })
            await supervisor.stop("child")
            #expect(try Files.text(log) == "ready\nasked\n")
            #expect(await supervisor.states.map(\.phase) == [.stopped])
        }
    }

    @Test func whoDoesNotStopIsKilledWithAllThatItStarted() async throws {
        try await withTemporaryFolder { folder in
            let supervisor = Supervisor(lifeline: try LifelinePipe()) { _ in }
            let script = #"""
                trap '' TERM
                sh -c 'trap "" TERM; echo $$; while :; do sleep 1; done' &
                echo $$
                while :; do sleep 1; done
                """#
            await supervisor.start(specification(folder, script, stopWithin: .milliseconds(100)))
            let log = "\(folder)/child.log"
            #expect(try await eventually { ((try? Files.text(log)) ?? "").split(separator: "\n").count == 2 })
            let processes: [Int32] = try Files.text(log).split(separator: "\n").compactMap { Int32($0) }
            #expect(processes.count == 2)
            await supervisor.stop("child")
            for process in processes { #expect(try await eventually { !isAlive(process) }) }
        }
    }

    @Test func whoObeysLeavesNoStubbornOnesBehind() async throws {
        try await withTemporaryFolder { folder in
            let supervisor = Supervisor(lifeline: try LifelinePipe()) { _ in }
            let script = #"""
                trap 'exit 0' TERM
                sh -c 'trap "" TERM; echo $$; while :; do sleep 1; done' &
                while :; do sleep 0.05; done
                """#
            await supervisor.start(specification(folder, script))
            let log = "\(folder)/child.log"
            #expect(try await eventually { ((try? Files.text(log)) ?? "").hasSuffix("\n") })
            let stubborn: Int32 = try #require(Int32(try Files.text(log).trimmed))
            await supervisor.stop("child")
            #expect(try await eventually { !isAlive(stubborn) })
        }
    }

    @Test func childrenOfAKilledSupervisorEnd() async throws {
        try await withTemporaryFolder { folder in
            // A supervisor that is killed without a chance to say anything: a shell that alone holds the writing end
            // of a lifeline; its child is our wrapper around a program that knows nothing of lifelines.
            let script = #"""
                cd "$2" || exit 1
                mkfifo lifeline
                PLUMB_LIFELINE=stdin setsid "$1" with-lifeline -- /bin/sh -c 'echo $$ >program; exec sleep 1000' \
                    <lifeline &
                exec 9>lifeline
                echo $$ >supervisor
                while :; do sleep 0.1 9>&-; done
                """#
            let plumb: String = try Programs.besideThisOne().plumb
            let shell = Task { try await CommandRunner().outcome("/bin/sh", ["-c", script, "sh", plumb, folder]) }
            func process(_ name: String) -> Int32? {
                (try? Files.text("\(folder)/\(name)")).flatMap { Int32($0.trimmed) }
            }
            #expect(try await eventually { process("program") != nil && process("supervisor") != nil })
            let program: Int32 = try #require(process("program"))
            let supervisor: Int32 = try #require(process("supervisor"))
            #expect(isAlive(program))
            kill(supervisor, SIGKILL)
            #expect(try await eventually { !isAlive(program) })
            _ = try await shell.value
        }
    }
}

@Suite struct BoundedLogTests {
    @Test func aFullLogIsMovedAsideWhileItsWriterGoesOn() async throws {
        try await withTemporaryFolder { folder in
            let path = "\(folder)/a.log"
            let writer = try BoundedLog.open(path)
            defer { close(writer.rawValue) }
            try writer.writeAll("0123456789\n".utf8)
            try BoundedLog.rotate(path, limit: 20)
            #expect(try Files.text(path) == "0123456789\n")
            try writer.writeAll("abcdefghij\n".utf8)
            try BoundedLog.rotate(path, limit: 20)
            try writer.writeAll("new\n".utf8)
            #expect(try Files.text(path) == "new\n")
            #expect(try Files.text("\(path).1") == "123456789\nabcdefghij\n".suffix(20))
            #expect(BoundedLog.lastLines(of: "\(path).1", count: 1) == ["abcdefghij"])
        }
    }

    @Test func aLogThatIsNotThereIsFine() throws {
        try BoundedLog.rotate("/not-there/a.log")
        #expect(BoundedLog.lastLines(of: "/not-there/a.log", count: 3).isEmpty)
    }
}
