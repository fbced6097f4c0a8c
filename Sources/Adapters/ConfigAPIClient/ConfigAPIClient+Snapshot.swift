import AsyncHTTPClient
package import ConfigAPI
import Declarations
import NIOCore
import NIOHTTP1
import Runtime
import Synchronization
import Telemetry

/// What was read of a store last, so that the same is neither sent nor read again.
struct ReadSnapshot: Sendable {
    var tag: String?
    var snapshot: ConfigSnapshot?
    var known = SnapshotReader.Known()
}

extension ConfigAPIClient {
    /// Everything that is live. Where that is what the component answered before, it says so instead of sending it.
    package func snapshot() async throws(ConfigAPIClientError) -> ConfigSnapshot { try await snapshot(isWhole: false) }

    /// The same, and the component reads and computes all of it anew, whatever it remembers.
    package func wholeSnapshot() async throws(ConfigAPIClientError) -> ConfigSnapshot {
        try await snapshot(isWhole: true)
    }

    private func snapshot(isWhole: Bool) async throws(ConfigAPIClientError) -> ConfigSnapshot {
        try await retried { () async throws(ConfigAPIClientError) in
            var request: HTTPClientRequest = try request(.GET, "/v1/config")
            if isWhole { request.headers.add(name: "Cache-Control", value: "no-cache") }
            return try await read(request, last: lastRead.withLock { $0 })
        }
    }

    /// Applies changes, all or nothing. The same `requestId` gets the first answer again, so the patch may be sent
    /// again after a lost answer.
    package func apply(_ patch: ConfigPatch) async throws(ConfigAPIClientError) -> ConfigSnapshot {
        let body: JSONValue = patch.json
        return try await retried { () async throws(ConfigAPIClientError) in
            var last: ReadSnapshot = lastRead.withLock { $0 }
            last.tag = nil
            return try await read(try request(.PATCH, "/v1/config", body: body), last: last)
        }
    }

    /// Reads the answer as it comes.
    private func read(
        _ request: HTTPClientRequest, last: ReadSnapshot
    ) async throws(ConfigAPIClientError) -> ConfigSnapshot {
        var request: HTTPClientRequest = request
        if let tag = last.tag, last.snapshot != nil { request.headers.add(name: "If-None-Match", value: tag) }
        let status: Int
        let tag: String?
        var reader = SnapshotReader(known: last.known, sha256: Digests.sha256)
        var refusal: [UInt8] = []
        do {
            let response = try await http.execute(request, timeout: .milliseconds(configuration.timeout.milliseconds))
            status = Int(response.status.code)
            tag = response.headers.first(name: "ETag")
            var length = 0
            for try await chunk in response.body {
                length += chunk.readableBytes
                guard length <= configuration.answerLimit else {
                    throw ConfigAPIClientError.malformed("the answer is longer than \(configuration.answerLimit) bytes")
                }
                let bytes = Array(chunk.readableBytesView)
                if status == 200 { reader.consume(bytes) } else { refusal += bytes }
            }
        } catch let error as ConfigAPIClientError { throw error } catch {
            throw .unreachable("\(base): \(error)")
        }
        if status == 304, let snapshot = last.snapshot { return snapshot }
        guard status == 200 else { throw failure(status: status, bytes: refusal) }
        do {
            let (snapshot, known) = try reader.finish()
            lastRead.withLock { $0 = ReadSnapshot(tag: tag, snapshot: snapshot, known: known) }
            return snapshot
        } catch { throw .malformed("\(error)") }
    }
}
