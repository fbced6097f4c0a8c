import Compression
import Crypto
import FrameFormat
import NIOCore
import Telemetry

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

    /// - Parameter isFirst: of its host, which then tells its series, as an agent does.
    func request(
        fleet: Fleet, host: Int, series: FleetSeries, frames: [Frame], isFirst: Bool
    ) -> PreparedRequest {
        let name: String = fleet.host(host)
        let samples: Int = series.members.count * frames.count
        switch self {
        case .native(let url, let tokens):
            let batch = FrameBatch(
                source: Source(host: name, producer: "bench"), series: series.members, frames: frames)
            let body: [UInt8] = FrameRequestEncoder.body(
                host: name, definitions: isFirst ? [series.definition] : [], batches: [(batch, series.layout)])
            return PreparedRequest(
                url: url + "/api/v1/metrics",
                headers: [
                    ("Authorization", "Bearer \(tokens[host])"), ("Content-Type", FrameFormat.contentType),
                    ("Content-Encoding", "zstd"),
                ],
                body: ByteBuffer(bytes: Zstd.compress(body)), samples: samples, host: host)
        case .remoteWrite(let url):
            return PreparedRequest(
                url: url + "/api/v1/write",
                headers: [
                    ("Content-Type", "application/x-protobuf"), ("Content-Encoding", "snappy"),
                    ("X-Prometheus-Remote-Write-Version", "0.1.0"),
                ],
                body: ByteBuffer(bytes: RemoteWriteBody(host: name, series: series.members, frames: frames).snappy),
                samples: samples, host: host)
        case .importLines(let url):
            return PreparedRequest(
                url: url + "/api/v1/import", headers: [],
                body: ByteBuffer(bytes: ImportBody.bytes(host: name, series: series.members, frames: frames)),
                samples: samples, host: host)
        }
    }
}

/// A fleet's series, as its layout is known to the server.
struct FleetSeries: Sendable {
    let members: [Series]
    let definition: LayoutDefinition
    let layout: LayoutHash

    init(_ fleet: Fleet) {
        members = fleet.series
        definition = LayoutDefinition(members)
        layout = LayoutHash(definition.bytes) { Array(SHA256.hash(data: $0)) }
    }
}
