import ArgumentParser
package import Telemetry

extension PromDuration: ExpressibleByArgument {
    package init?(argument: String) { self.init(argument) }
}

extension Timestamp: ExpressibleByArgument {
    /// RFC 3339.
    package init?(argument: String) { self.init(rfc3339: argument) }
}
