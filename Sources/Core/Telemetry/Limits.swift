/// The bounds that everything which crosses the network is held to.
package enum Limits {
    /// Series of one layout. Past 2 kB a PostgreSQL row is compressed and moved out of line, and reading one metric
    /// from it costs 3 to 14 µs a frame instead of 0.2 µs.
    package static let seriesPerLayout = 200
    /// Series that one source may have within an hour, and all sources of a host together: what a process that puts a
    /// number of its own into a label reaches within minutes, and nothing else does.
    package static let seriesPerSource = 10_000
    package static let seriesPerHost = 50_000
    package static let nameLength = 200
    package static let labelsPerSeries = 40
    package static let labelNameLength = 100
    package static let labelValueLength = 1024
    /// How far from the server's clock a sample's time may lie.
    package static let acceptedPast = PromDuration.days(30)
    package static let acceptedFuture = PromDuration.minutes(10)
    /// Bytes of a request's body before decoding.
    package static let bodyBytes = 16 << 20
    /// Bytes of a compressed body once it is decompressed.
    package static let plainBodyBytes = 32 << 20
    /// Bytes of one log message, of the fields beside it as JSON, and lines of one request.
    package static let logMessageBytes = 256 << 10
    package static let logFieldsBytes = 64 << 10
    package static let logLinesPerRequest = 10_000
}
