import ConfigAPIServer
import Database
import Declarations
import Hummingbird
import Runtime
import StoreService
import Telemetry

/// Pipelines: what there are, how they ran, what could not become an event, and running one now.
struct PipelineRoutes: RouteGroup {
    let engine: PipelineEngine
    let live: LiveConfig
    let store: PipelineStore
    /// Why no run is started now.
    let refusal: @Sendable () -> String?

    private static let mostRows = 1000

    func add(to router: Router<ServerContext>) {
        router.group("/v1/pipelines", requiring: .pipelines)
            .get { _, _ in Response.json(try await overview()) }
            .get(":name/runs") { request, context in try await runs(request, context) }
            .get(":name/dead-letters") { request, context in try await deadLetters(request, context) }
            .post(":name/run") { _, context in try await run(context) }
            // Starting is a change: a link that somebody follows must not do it.
            .get(":name/run") { _, _ in
                Response(status: .methodNotAllowed, headers: [.allow: "POST"])
            }
    }

    private func run(_ context: ServerContext) async throws -> Response {
        let name: String = try context.parameters.require("name")
        let identity: Identity = try context.requireScope(.pipelines)
        if let refusal = refusal() { throw HTTPProblem(.serviceUnavailable, refusal) }
        let answer: PipelineEngine.Answer
        do { answer = try await engine.start(name, requestedBy: identity.subject) } catch {
            throw HTTPProblem(.serviceUnavailable, "cannot start a run now: \(error)")
        }
        switch answer {
        case .started(let run):
            return .json(.accepted, ["runId": .string(run), "pipeline": .string(name)])
        case .isRunning(let run):
            throw HTTPProblem(
                .conflict,
                body: .object(compacting: [
                    "error": .string("pipeline \"\(name)\" is running"), "runId": run.map(JSONValue.string),
                ]))
        case .unknownPipeline, .notDue: throw Self.unknown(name)
        }
    }

    private func overview() async throws -> JSONValue {
        let states: [PipelineState] = try await store.states()
        let byName: [String: PipelineState] = Dictionary(states.map { ($0.name, $0) }) { first, _ in first }
        let specs: [(name: String, spec: PipelineSpec)] = await pipelines()
        return [
            "pipelines": .array(
                specs.map { name, spec in
                    .object(compacting: [
                        "name": .string(name), "source": .string(spec.source.kind),
                        "every": spec.every.map { .string($0.description) },
                    ]).merging(byName[name]?.json ?? [:])
                })
        ]
    }

    private func runs(_ request: Request, _ context: ServerContext) async throws -> Response {
        let name: String = try await known(context)
        let limit: Int = try request.integerParameter("limit", in: 1...Self.mostRows) ?? 50
        return .json(["runs": .array(try await store.runs(of: name, limit: limit).map(\.json))])
    }

    private func deadLetters(_ request: Request, _ context: ServerContext) async throws -> Response {
        let name: String = try await known(context)
        let limit: Int = try request.integerParameter("limit", in: 1...Self.mostRows) ?? 50
        return .json(["deadLetters": .array(try await store.deadLetters(of: name, limit: limit).map(\.json))])
    }

    /// The pipeline that the path names: one that is declared, or has run.
    private func known(_ context: ServerContext) async throws -> String {
        let name: String = try context.parameters.require("name")
        if await pipelines().contains(where: { $0.name == name }) { return name }
        guard try await store.states().contains(where: { $0.name == name }) else { throw Self.unknown(name) }
        return name
    }

    private func pipelines() async -> [(name: String, spec: PipelineSpec)] {
        await live.running?.specs(of: .pipeline) { if case .pipeline(let spec) = $0 { spec } else { nil } } ?? []
    }

    private static func unknown(_ name: String) -> HTTPProblem {
        HTTPProblem(.notFound, "there is no pipeline \"\(name)\"")
    }
}

extension PipelineSpec.Source {
    var kind: String {
        switch self {
        case .mongodb: "mongodb"
        case .file: "file"
        }
    }
}

extension PipelineState {
    var json: JSONValue {
        .object(compacting: [
            "running": .bool(isRunning), "backlog": backlog.map { .integer($0) },
            "oldestAt": oldestAt.map(JSONValue.time), "deadLetters": .integer(deadLetters), "lastRun": lastRun?.json,
            "lastSuccessAt": lastSuccessAt.map(JSONValue.time),
        ])
    }
}

extension JSONValue {
    /// This object with the members of another.
    fileprivate func merging(_ other: JSONValue) -> JSONValue {
        .object((object ?? [:]).merging(other.object ?? [:]) { _, new in new })
    }
}
