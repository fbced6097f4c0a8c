import Glibc
package import Runtime
import Subprocess
import SystemPackage

/// Keeps programs running: each in a process group of its own, on the lifeline, started again with backoff when it ends
/// by itself, stopped with a deadline and then killed with all that it started.
package actor Supervisor {
    package struct Settings: Sendable {
        package var backoff = Backoff(initial: .milliseconds(500), cap: .seconds(30))
        /// A child that ran this long counts as healthy: its next end is the first again.
        package var steadyAfter: Duration = .seconds(60)

        package init() {}
    }

    private struct Child {
        var specification: ChildSpecification
        var state: ChildState
        var task: Task<Void, Never>
    }

    private let lifeline: LifelinePipe
    private let settings: Settings
    private let clock: any Clock<Duration>
    private let random: @Sendable () -> Double
    private let onChange: @Sendable ([ChildState]) async -> Void
    private var children: [String: Child] = [:]
    /// Names in the order in which they were started.
    private var order: [String] = []

    /// `onChange` is told the state of all children after each change of one.
    package init(
        lifeline: LifelinePipe, settings: Settings = Settings(), clock: any Clock<Duration> = ContinuousClock(),
        random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) },
        onChange: @escaping @Sendable ([ChildState]) async -> Void
    ) {
        self.lifeline = lifeline
        self.settings = settings
        self.clock = clock
        self.random = random
        self.onChange = onChange
    }

    package var states: [ChildState] { order.compactMap { children[$0]?.state } }

    /// Starts a program and keeps it running until ``stop(_:)``. Names are unique.
    package func start(_ specification: ChildSpecification) {
        precondition(children[specification.name] == nil, "a child of this name is there already")
        let state = ChildState(name: specification.name, phase: .starting, restarts: 0)
        let task = Task { await self.keepRunning(specification) }
        children[specification.name] = Child(specification: specification, state: state, task: task)
        order.append(specification.name)
    }

    /// Asks the child to stop, waits, kills it at its deadline. Returns when it and its process group are gone.
    package func stop(_ name: String) async {
        guard let child = children[name] else { return }
        child.task.cancel()
        await child.task.value
    }

    private func keepRunning(_ specification: ChildSpecification) async {
        var failures = 0
        while !Task.isCancelled {
            await change(specification.name) { $0.phase = .starting }
            let (end, elapsed): (String, Duration) = await clock.timed { await self.runOnce(specification) }
            if Task.isCancelled { break }
            failures = elapsed >= settings.steadyAfter ? 1 : failures + 1
            let wait: Duration = settings.backoff.delay(attempt: failures, random: random())
            await change(specification.name) { state in
                state.phase = .waiting(wait)
                state.restarts += 1
                state.lastEnd = end
            }
            do { try await clock.sleep(for: wait) } catch { break }
        }
        await change(specification.name) { $0.phase = .stopped }
    }

    /// Runs the program until it ends or this task is cancelled. Answers how it ended.
    private func runOnce(_ specification: ChildSpecification) async -> String {
        let log: FileDescriptor
        do { log = try BoundedLog.open(specification.logFile) } catch { return "not started: \(error)" }
        defer { close(log.rawValue) }
        var group: pid_t?
        defer {
            // The teardown ends with the leader: whoever else is left in its group goes now.
            if let group { kill(-group, SIGKILL) }
        }
        do {
            let result = try await Subprocess.run(
                configuration(specification),
                input: .fileDescriptor(lifeline.readingEnd, closeAfterSpawningProcess: false),
                output: .fileDescriptor(log, closeAfterSpawningProcess: false),
                error: .fileDescriptor(log, closeAfterSpawningProcess: false)
            ) { execution in
                let process: pid_t = execution.processIdentifier.value
                group = process
                await self.change(specification.name) { $0.phase = .running(processID: process) }
            }
            return Self.words(result.terminationStatus)
        } catch {
            return "not started: \(error)"
        }
    }

    private func configuration(_ specification: ChildSpecification) -> Configuration {
        var options = PlatformOptions()
        options.processGroupID = 0
        options.teardownSequence = [
            .send(signal: .terminate, toProcessGroup: false, allowedDurationToNextStep: specification.stopWithin)
        ]
        var environment: [Environment.Key: String?] = [:]
        for (name, value) in specification.environment { environment[Environment.Key(stringLiteral: name)] = value }
        for (name, value) in LifelinePipe.environment { environment[Environment.Key(stringLiteral: name)] = value }
        return Configuration(
            executable: .path(FilePath(specification.executable)), arguments: Arguments(specification.arguments),
            environment: .inherit.updating(environment), platformOptions: options)
    }

    private func change(_ name: String, _ body: (inout ChildState) -> Void) async {
        guard var state = children[name]?.state else { return }
        body(&state)
        guard state != children[name]?.state else { return }
        children[name]?.state = state
        await onChange(states)
    }

    /// `exit status 1`, `signal 9`.
    static func words(_ status: TerminationStatus) -> String {
        switch status {
        case .exited(let code): "exit status \(code)"
        case .signaled(let signal): "signal \(signal)"
        }
    }
}

extension Clock where Duration == Swift.Duration {
    /// Runs `body` and measures it.
    fileprivate func timed<Value: Sendable>(_ body: () async -> Value) async -> (Value, Duration) {
        let start: Instant = now
        let value: Value = await body()
        return (value, start.duration(to: now))
    }
}
