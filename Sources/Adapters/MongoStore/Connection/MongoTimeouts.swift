/// How long the other side may take. What the address itself says (`socketTimeoutMS` and so on) counts instead, up to
/// ``longest``.
package struct MongoTimeouts: Hashable, Sendable {
    /// Until a server is found that can be asked. Default 10 s.
    package var serverSelection: Duration
    /// Until a connection stands. Default 5 s.
    package var connect: Duration
    /// Between two pieces of an answer. Default 30 s.
    package var socket: Duration
    /// The server stops a query by itself after this time. Default 25 s, below `socket`, so that it is the server that
    /// gives up and the connection stays good.
    package var query: Duration

    /// No address may ask for more: a call must end.
    package static let longest: Duration = .seconds(300)

    package init(
        serverSelection: Duration = .seconds(10), connect: Duration = .seconds(5), socket: Duration = .seconds(30),
        query: Duration = .seconds(25)
    ) {
        self.serverSelection = serverSelection
        self.connect = connect
        self.socket = socket
        self.query = query
    }
}

extension Duration {
    /// At least one: zero means "no limit" to the library.
    var wholeMilliseconds: Int32 {
        Int32(clamping: max(1, components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000))
    }
}
