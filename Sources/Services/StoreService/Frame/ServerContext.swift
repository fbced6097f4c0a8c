package import ConfigAPIServer
package import Hummingbird
import NIOCore

/// What belongs to one request: who asks, from where, and the logger that carries the request's number.
package struct ServerContext: IdentifiedContext {
    package var coreContext: CoreRequestContextStorage
    package var identity: Identity?
    package let remoteAddress: String?

    package init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        remoteAddress = source.channel.remoteAddress?.ipAddress
    }

    /// The host that an agent's credential is for: 401 without a credential, 403 without scope `ingest` or without a
    /// host. The host is never taken from a body or a path.
    package func requireHost() throws(HTTPProblem) -> String {
        let identity: Identity = try requireScope(.ingest)
        guard let host = identity.host else {
            throw HTTPProblem(.forbidden, "the token of \(identity.subject) is not for any host")
        }
        return host
    }

    /// The same, where the request also names a host: 403 unless it is the credential's.
    package func requireHost(_ named: String) throws(HTTPProblem) -> String {
        let host: String = try requireHost()
        guard host == named else {
            throw HTTPProblem(.forbidden, "the token is for host \"\(host)\", not for \"\(named)\"")
        }
        return host
    }
}

/// Routes of one topic. A new topic is a folder with a group, and a line in `Server+Routes.swift`.
///
/// Nothing is open unless ``OpenPaths`` names it; what a route needs beyond a credential it says itself:
/// `router.group("/api/v1/hosts", requiring: .query).get { request, context in … }`.
package protocol RouteGroup: Sendable {
    func add(to router: Router<ServerContext>)
}
