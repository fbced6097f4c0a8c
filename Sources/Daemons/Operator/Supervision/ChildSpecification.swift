/// A program to keep running.
package struct ChildSpecification: Hashable, Sendable {
    package var name: String
    /// Absolute path.
    package var executable: String
    package var arguments: [String]
    /// Added to the environment of this process; nil takes a variable away.
    package var environment: [String: String?]
    package var logFile: String
    /// From the signal that asks it to stop to the one that kills it.
    package var stopWithin: Duration

    package init(
        name: String, executable: String, arguments: [String], environment: [String: String?] = [:], logFile: String,
        stopWithin: Duration
    ) {
        self.name = name
        self.executable = executable
        self.arguments = arguments
        self.environment = environment
        self.logFile = logFile
        self.stopWithin = stopWithin
    }
}

/// What a child does now.
package struct ChildState: Hashable, Sendable {
    package var name: String
    package var phase: Phase
    /// How often it ended by itself.
    package var restarts: Int
    /// How it ended last, in words.
    package var lastEnd: String?

    package enum Phase: Hashable, Sendable {
        case starting
        case running(processID: Int32)
        case waiting(Duration)
        case stopped
    }

    package var processID: Int32? { if case .running(let process) = phase { process } else { nil } }
}
