import Glibc
import Logging
import Runtime
import ServiceLifecycle
import Testing

@Suite struct LifelineTests {
    private func group(_ descriptor: Int32) -> ServiceGroup {
        let lifeline = Lifeline(environment: { $0 == "PLUMB_LIFELINE" ? "stdin" : nil }, descriptor: descriptor)
        return ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [.init(service: lifeline, successTerminationBehavior: .gracefullyShutdownGroup)],
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }))
    }

    /// Runs `body` with both ends of a pipe, and closes what is left open.
    private func withPipe(_ body: (_ read: Int32, _ write: Int32) async throws -> Void) async throws {
        var ends: [Int32] = [-1, -1]
        #expect(pipe(&ends) == 0)
        try await body(ends[0], ends[1])
        close(ends[0])
    }

    @Test func theEndOfTheInputStopsTheProgramEveryTime() async throws {
        // Many times: an earlier implementation crashed in one of a few.
        for _ in 0..<200 {
            try await withPipe { read, write in
                let group = self.group(read)
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    tasks.addTask { try await group.run() }
                    _ = Glibc.write(write, [UInt8(ascii: "x")], 1)
                    close(write)
                    try await tasks.waitForAll()
                }
            }
        }
    }

    @Test func aStopOfTheProgramDoesNotWaitForTheInput() async throws {
        try await withPipe { read, write in
            let group = self.group(read)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await group.run() }
                await group.triggerGracefulShutdown()
                try await tasks.waitForAll()
            }
            close(write)
        }
    }
}
