import NIOCore
import Telemetry
import WireFormats

/// One request that is ready to be sent.
struct PreparedRequest: Sendable {
    var url: String
    var headers: [(String, String)]
    var body: ByteBuffer
    var samples: Int
    /// Which client sends it: requests of one host keep their order.
    var host: Int
}

/// How a system takes samples.
enum Feed: Sendable {
    /// Ours, with a token for each host.
    case native(url: String, tokens: [String])
    case remoteWrite(url: String)
    case importLines(url: String)

    func request(fleet: Fleet, host: Int, series: [Series], frames: [Frame]) -> PreparedRequest {
        let name: String = fleet.host(host)
        let samples: Int = series.count * frames.count
        switch self {
        case .native(let url, let tokens):
            let batch = FrameBatch(source: Source(host: name, producer: "bench"), series: series, frames: frames)
            return PreparedRequest(
                url: url + "/api/v1/metrics",
                headers: [("Authorization", "Bearer \(tokens[host])"), ("Content-Type", "application/json")],
                body: ByteBuffer(bytes: NativeEncoder.metrics(host: name, batches: [batch])), samples: samples,
                host: host)
        case .remoteWrite(let url):
            return PreparedRequest(
                url: url + "/api/v1/write",
                headers: [
                    ("Content-Type", "application/x-protobuf"), ("Content-Encoding", "snappy"),
                    ("X-Prometheus-Remote-Write-Version", "0.1.0"),
                ],
                body: ByteBuffer(bytes: RemoteWriteBody(host: name, series: series, frames: frames).snappy),
                samples: samples, host: host)
        case .importLines(let url):
            return PreparedRequest(
                url: url + "/api/v1/import", headers: [],
                body: ByteBuffer(bytes: ImportBody.bytes(host: name, series: series, frames: frames)),
                samples: samples, host: host)
        }
    }
}
