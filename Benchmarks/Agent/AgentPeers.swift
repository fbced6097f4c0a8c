import AsyncHTTPClient
import Glibc
import NIOCore
import NIOHTTP1
import Operator
import Runtime

/// What others run on a host for its metrics, as Debian has it: unpacked below `root`, or installed where that is empty.
extension Peer {
    static let nodeExporterProgram = "/usr/bin/prometheus-node-exporter"
    static let collectdProgram = "/usr/sbin/collectd"

    /// With its usual collectors.
    static func nodeExporter(root: String, in parent: String) async throws -> Peer {
        let folder: String = try BenchPlatform.temporaryFolder(in: parent)
        return try await start("node_exporter", root + nodeExporterProgram, folder, health: "/") { port in
            ["--web.listen-address=127.0.0.1:\(port)"]
        }
    }

    /// With the plugins of Debian's configuration that tell of the host, and files instead of its database.
    static func collectd(root: String, in parent: String) async throws -> Peer {
        let folder: String = try BenchPlatform.temporaryFolder(in: parent)
        let plugins: [String] = [
            "cpu", "df", "disk", "entropy", "interface", "irq", "load", "memory", "processes", "swap", "users", "csv",
        ]
        let configuration: String = """
            Hostname "bench"
            Interval 10
            BaseDir "\(folder)"
            PIDFile "\(folder)/pid"
            PluginDir "\(root)/usr/lib/collectd"
            TypesDB "\(root)/usr/share/collectd/types.db"
            \(plugins.map { "LoadPlugin \($0)" }.joined(separator: "\n"))
            <Plugin csv>
                DataDir "\(folder)/csv"
            </Plugin>

            """
        try Files.write(configuration.utf8, to: "\(folder)/collectd.conf")
        let process: pid_t = try spawn(
            [root + collectdProgram, "-f", "-C", "\(folder)/collectd.conf"], log: "\(folder)/log")
        return Peer(name: "collectd", process: process, url: "", folder: folder)
    }

    /// Values that collectd wrote at its last tick.
    var csvValues: Int {
        func files(_ folder: String) -> [String] {
            Files.names(in: folder).flatMap { name -> [String] in
                var status = stat()
                let path = "\(folder)/\(name)"
                guard stat(path, &status) == 0 else { return [] }
                return status.st_mode & S_IFMT == S_IFDIR ? files(path) : [path]
            }
        }
        return files("\(folder)/csv").reduce(0) { sum, path in
            // `epoch,rx,tx` heads each file.
            let heading: Substring? = (try? Files.text(path))?.split(separator: "\n").first
            return sum + max(0, (heading?.split(separator: ",").count ?? 1) - 1)
        }
    }

    /// Bytes of node_exporter's page as they cross the network: packed with gzip, as a Prometheus server asks for it. The
    /// client of every tick asks so too.
    func packedPageBytes() async throws -> Int {
        // A client that unpacks nothing.
        let http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: .init(decompression: .disabled))
        do {
            var request = HTTPClientRequest(url: url + "/metrics")
            request.headers.add(name: "Accept-Encoding", value: "gzip")
            let response: HTTPClientResponse = try await http.execute(request, timeout: .seconds(30))
            let body: ByteBuffer = try await response.body.collect(upTo: 64 << 20)
            try await http.shutdown()
            guard response.status == .ok, response.headers.first(name: "Content-Encoding") == "gzip" else {
                throw BenchError("node_exporter did not pack its page")
            }
            return body.readableBytes
        } catch {
            try? await http.shutdown()
            throw error
        }
    }

    /// Series on node_exporter's page, which this asks for.
    func exposedSeries() async throws -> Int {
        let body: ByteBuffer = try await Sender.get(url + "/metrics").body
        return String(buffer: body).split(separator: "\n").count { !$0.hasPrefix("#") }
    }
}
