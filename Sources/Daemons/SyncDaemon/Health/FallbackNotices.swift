import Alerting
import AsyncHTTPClient
import ConfigAPI
import Declarations
package import Logging
import NIOCore
import NIOHTTP1
import Runtime
package import Telemetry

/// Tells people, by a webhook of its own, that the server is away: the server is the one who tells of everything else.
///
/// What was told is kept in the state directory, so that a restart repeats nothing.
package actor FallbackNotices {
    private let webhookFile: String
    private let patience: PromDuration
    private let path: String
    private let logger: Logger
    private var absence: ServerAbsence

    /// - Parameter webhookFile: holds the receiver's address alone; it is read at each use.
    package init(webhookFile: String, patience: PromDuration, directory: StateDirectory, logger: Logger) {
        self.webhookFile = webhookFile
        self.patience = patience
        self.logger = logger
        path = directory.file("fallback.json")
        // What cannot be read is told once more.
        absence = (try? Files.read(path)).flatMap { try? ServerAbsence(parsing: $0) } ?? ServerAbsence()
    }

    /// Takes in how a run ended and delivers what there is to tell; false where something could not be delivered, which is
    /// tried again at the end of the next run.
    func note(_ status: ReconcilerStatus, isServerThere: Bool, at now: Timestamp) async -> Bool {
        let before: ServerAbsence = absence
        absence.heard(status, isServerThere: isServerThere, at: now, patience: patience)
        var isDelivered = true
        while let next = absence.waiting.first {
            do { try await deliver(next) } catch {
                logger.warning("local notice not delivered", metadata: .of([.error: error.description]))
                isDelivered = false
                break
            }
            absence.waiting.removeFirst()
        }
        if absence != before { write() }
        return isDelivered
    }

    private func write() {
        do { try Files.write(absence.json.canonical, to: path, mode: 0o600) } catch {
            logger.error("what was told is not written down", metadata: .of([.error: error.description]))
        }
    }

    /// Follows no redirect: the address is a secret.
    private static let client = HTTPClient(
        eventLoopGroupProvider: .singleton, configuration: .init(redirectConfiguration: .disallow))

    /// The server's form of notifications, so that one receiver understands both.
    private func deliver(_ notification: Notification) async throws(SyncError) {
        let url: String
        do { url = String(try Files.text(webhookFile).prefix { !$0.isNewline }) } catch {
            throw SyncError("fallback.webhookFile: \(error.description)")
        }
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        request.headers.add(name: "User-Agent", value: "gitops-sync")
        request.headers.add(name: "Plumb-Delivery", value: notification.dedupeKey)
        request.body = .bytes(ByteBuffer(bytes: notification.json.canonical))
        let status: UInt
        do {
            let response: HTTPClientResponse = try await Self.client.execute(request, timeout: .seconds(5))
            status = response.status.code
        } catch { throw SyncError("the receiver of fallback.webhookFile does not answer") }
        guard (200..<300).contains(status) else {
            throw SyncError("the receiver of fallback.webhookFile answered \(status)")
        }
    }
}
