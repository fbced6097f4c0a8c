import ConfigAPI
package import Declarations
import HTTPTypes
package import Hummingbird
import Runtime
import Telemetry

/// The config API of one component: `/v1/config` and what is below it.
package struct ConfigRoutes<Context: IdentifiedContext>: Sendable {
    /// Hides the sensitive fields of a spec; nil for a kind that nobody knows, whose spec is hidden as a whole.
    package typealias Redaction = @Sendable (_ spec: JSONValue, _ kind: ResourceKind?) -> JSONValue

    /// The most entries of one answer of the audit.
    package static var auditLimit: Int { 1000 }

    private let backend: any ConfigBackend
    private let redact: Redaction
    private let streams: EventStreams
    private let looks: LookSignals
    private let texts = SnapshotText()

    package init(
        backend: any ConfigBackend, streams: EventStreams, looks: LookSignals = LookSignals(),
        redact: @escaping Redaction
    ) {
        self.looks = looks
        self.backend = backend
        self.streams = streams
        self.redact = redact
    }

    package func add(to router: some RouterMethods<Context>) {
        router.group("/v1/config", requiring: .configRead)
            .get { request, context in try await snapshot(request, context) }
            .get("state") { request, context in try await state(request, context) }
            .get("audit") { request, context in try await audit(request, context) }
            .get("events") { request, _ in try events(request) }
        router.group("/v1/config", requiring: .config)
            .patch { request, context in try await patch(request, context) }
            .post("lease") { request, context in try await lease(request, context) }
    }

    private func snapshot(_ request: Request, _ context: Context) async throws -> Response {
        let identity: Identity = try context.requireScope(.configRead)
        let isWhole: Bool = request.headers[values: .cacheControl].contains { $0.contains("no-cache") }
        let snapshot: ConfigSnapshot = try await answering { () async throws(ConfigFailure) in
            try await isWhole ? backend.wholeSnapshot() : backend.snapshot()
        }
        let tag: String = texts.tag(of: snapshot, isRedacted: !identity.allows(.config))
        if request.headers[values: .ifNoneMatch].contains(where: { $0.contains(tag) }) {
            return Response(status: .notModified, headers: [.eTag: tag, .cacheControl: "no-store"])
        }
        return response(snapshot, to: identity)
    }

    private func state(_ request: Request, _ context: Context) async throws -> Response {
        _ = try context.requireScope(.configRead)
        let state: StoreState = try await answering { () async throws(ConfigFailure) in try await backend.state() }
        return .json(state.json)
    }

    private func patch(_ request: Request, _ context: Context) async throws -> Response {
        let identity: Identity = try context.requireScope(.config)
        let body: JSONValue = try await request.json()
        let patch: ConfigPatch
        do { patch = try ConfigPatch(json: body) } catch { throw HTTPProblem(.badRequest, "body: \(error)") }
        try checkOwner(body, identity)
        let writer = ConfigWriter(subject: identity.subject, remoteAddress: context.remoteAddress)
        let snapshot: ConfigSnapshot = try await answering { () async throws(ConfigFailure) in
            try await backend.apply(patch, by: writer)
        }
        return response(snapshot, to: identity)
    }

    /// A body's `owner`, where it is there, must be the credential's: ownership is never claimed in a body.
    private func checkOwner(_ body: JSONValue, _ identity: Identity) throws(HTTPProblem) {
        let owners: [JSONValue?] = [body["owner"]] + (body["changes"]?.array ?? []).map { $0["owner"] }
        for owner in owners.compactMap({ $0 }) where owner != .null && owner.string != identity.subject {
            throw HTTPProblem(
                .forbidden, "owner \(owner.canonicalText) is not \"\(identity.subject)\", whose token this is")
        }
    }

    private func lease(_ request: Request, _ context: Context) async throws -> Response {
        let identity: Identity = try context.requireScope(.config)
        let wanted: LeaseRequest = try await request.decode(limit: 64 << 10)
        guard wanted.source == identity.subject else {
            throw HTTPProblem(
                .forbidden, "source \"\(wanted.source)\" is not \"\(identity.subject)\", whose token this is")
        }
        guard LeaseRequest.times.contains(wanted.ttl) else {
            throw HTTPProblem(.badRequest, "ttl: expected a duration from 1s to 1h, got \(wanted.ttl)")
        }
        let writer = ConfigWriter(subject: identity.subject, remoteAddress: context.remoteAddress)
        let lease: Lease = try await answering { () async throws(ConfigFailure) in
            try await backend.lease(wanted, by: writer)
        }
        return .json(lease.json)
    }

    private func audit(_ request: Request, _ context: Context) async throws -> Response {
        let identity: Identity = try context.requireScope(.configRead)
        let since: Int = try request.integerParameter("since", in: 0...Int(1) << 53) ?? 0
        let limit: Int = try request.integerParameter("limit", in: 1...Self.auditLimit) ?? Self.auditLimit
        let entries: [AuditEntry] = try await answering { () async throws(ConfigFailure) in
            try await backend.audit(since: since, limit: limit)
        }
        let shown: [AuditEntry] = identity.allows(.config) ? entries : entries.map(redacted)
        return .json(["version": 1, "entries": shown.json])
    }

    /// One event for each state that a client has not seen: the newest at once where its `Last-Event-ID` is older. And
    /// one for each other reason to look.
    private func events(_ request: Request) throws -> Response {
        let seen: Int? = request.headers[.lastEventID].flatMap { Int($0) }
        return try streams.response { [backend, looks] in
            let reasons: AsyncStream<LookSignals.Reason> = looks.reasons()
            let positions: AsyncStream<ConfigPosition> = await backend.positions()
            let (events, continuation) = AsyncStream<ServerSentEvent>.makeStream(bufferingPolicy: .bufferingNewest(64))
            let pump = Task {
                var isFirst = true
                for await position in positions {
                    defer { isFirst = false }
                    if isFirst, let seen, seen == position.generation { continue }
                    continuation.yield(
                        ServerSentEvent(
                            name: "generation", id: "\(position.generation)", data: position.json.canonicalText))
                }
                continuation.finish()
            }
            let signals = Task {
                for await reason in reasons {
                    continuation.yield(ServerSentEvent(name: reason.rawValue, id: nil, data: "{}"))
                }
            }
            continuation.onTermination = { _ in
                pump.cancel()
                signals.cancel()
            }
            return events
        }
    }

    private func response(_ snapshot: ConfigSnapshot, to identity: Identity) -> Response {
        let seesAll: Bool = identity.allows(.config)
        let headers: HTTPFields = [.eTag: texts.tag(of: snapshot, isRedacted: !seesAll)]
        guard !seesAll else { return .json(bytes: texts.body(of: snapshot), headers: headers) }
        var shown: ConfigSnapshot = snapshot
        for index in shown.resources.indices {
            shown.resources[index].spec = redact(shown.resources[index].spec, shown.resources[index].key.kind)
        }
        return .json(shown.json, headers: headers)
    }

    private func redacted(_ entry: AuditEntry) -> AuditEntry {
        var shown: AuditEntry = entry
        let kind = ResourceKind(rawValue: entry.kind)
        shown.before = entry.before.map { redact($0, kind) }
        shown.after = entry.after.map { redact($0, kind) }
        return shown
    }

    /// Turns a failure of the backend into the status that the contract names.
    private func answering<Value>(
        _ body: () async throws(ConfigFailure) -> Value
    ) async throws(HTTPProblem) -> Value {
        do { return try await body() } catch {
            switch error {
            case .conflict(let conflict): throw HTTPProblem(.conflict, body: conflict.json)
            case .rejected(let rejection): throw HTTPProblem(.unprocessableContent, body: rejection.json)
            case .forbidden(let reason): throw HTTPProblem(.forbidden, reason)
            case .unavailable(let reason): throw HTTPProblem(.serviceUnavailable, reason)
            }
        }
    }
}
