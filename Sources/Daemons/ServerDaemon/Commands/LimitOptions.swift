import ArgumentParser
import Database
import Runtime

/// How many series are taken: flags, else their variables, else the defaults.
struct LimitOptions: ParsableArguments {
    @Option(help: "Series of one source within an hour. PLUMB_SERIES_PER_SOURCE. Default 10000.")
    var seriesPerSource: Int?
    @Option(help: "Series of all sources of a host within an hour. PLUMB_SERIES_PER_HOST. Default 50000.")
    var seriesPerHost: Int?
    @Option(
        help: """
            New lists of series of a source within an hour, after which each of its series is stored by itself. \
            PLUMB_NEW_LAYOUTS. Default 20.
            """)
    var newLayouts: Int?

    /// A variable that is no number is an error: a limit that was meant is not the default.
    var limits: FrameLimits {
        get throws {
            var limits = FrameLimits()
            limits.seriesPerSource = try seriesPerSource ?? number("PLUMB_SERIES_PER_SOURCE") ?? limits.seriesPerSource
            limits.seriesPerHost = try seriesPerHost ?? number("PLUMB_SERIES_PER_HOST") ?? limits.seriesPerHost
            limits.newLayouts = try newLayouts ?? number("PLUMB_NEW_LAYOUTS") ?? limits.newLayouts
            return limits
        }
    }

    private func number(_ variable: String) throws -> Int? {
        guard let text = ProcessEnvironment.value(variable) else { return nil }
        guard let number = Int(text) else { throw ValidationError("\(variable): expected a number, got \"\(text)\"") }
        return number
    }
}
