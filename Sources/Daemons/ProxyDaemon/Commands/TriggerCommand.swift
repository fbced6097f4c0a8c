import ArgumentParser
import AsyncHTTPClient
import Declarations
import NIOCore
import NIOHTTP1
import Runtime

/// `plumb-proxy trigger`: asks a running proxy to run a pipeline now; for a timer.
///
/// Exit status 0: started; 3: a run is under way; 1: anything else.
struct TriggerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trigger", abstract: "Ask a running proxy to run a pipeline now.",
        discussion: "Exit status 0: it runs; 3: it was running already; 1: it does not run.")

    @Option(help: "The pipeline's name. PLUMB_PIPELINE.")
    var pipeline: String?
    @Option(help: "Where the proxy is. PLUMB_PROXY_URL. Default http://127.0.0.1:7701.")
    var proxy: String?
    @Option(help: "A file with a token of scope pipelines. PLUMB_TOKEN_FILE.")
    var tokenFile: String?

    func run() async throws {
        guard let name = pipeline ?? ProcessEnvironment.value("PLUMB_PIPELINE") else {
            throw ValidationError("--pipeline is needed (or PLUMB_PIPELINE): the pipeline's name")
        }
        guard let file = tokenFile ?? ProcessEnvironment.value("PLUMB_TOKEN_FILE") else {
            throw ValidationError("--token-file is needed (or PLUMB_TOKEN_FILE): a token of scope pipelines")
        }
        let address: String = proxy ?? ProcessEnvironment.value("PLUMB_PROXY_URL") ?? "http://127.0.0.1:7701"
        let token: String = trimmedLine(try Files.text(file, limit: 64 << 10))
        var request = HTTPClientRequest(url: "\(address)/v1/pipelines/\(name)/run")
        request.method = .POST
        request.headers.add(name: "Authorization", value: "Bearer \(token)")
        let response: HTTPClientResponse = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        let answer = JSONText(try await response.body.collect(upTo: 1 << 20))
        switch response.status.code {
        case 202: print("started run \(answer.member("runId"))")
        case 409:
            print("run \(answer.member("runId")) is under way")
            throw ExitCode(3)
        default:
            throw ValidationError("the proxy answered \(response.status.code): \(answer.member("error"))")
        }
    }
}

private struct JSONText {
    private let json: JSONValue?

    init(_ buffer: ByteBuffer) { json = try? JSONValue(parsing: Array(buffer.readableBytesView)) }

    func member(_ name: String) -> String { json?[name]?.string ?? "?" }
}

/// The text up to its first line break.
private func trimmedLine(_ text: String) -> String { String(text.prefix { $0 != "\n" && $0 != "\r" }) }
