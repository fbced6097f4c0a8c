import Compression
import ConfigAPIServer
import HTTPTypes
import Hummingbird
import Telemetry

extension Request {
    /// The body's bytes, decompressed where `Content-Encoding` says zstd: 413 beyond the limits before and after, 415 for
    /// another encoding.
    func plainBytes() async throws -> [UInt8] {
        let bytes: [UInt8] = try await bytes()
        switch headers[.contentEncoding] {
        case nil, "identity": return bytes
        case "zstd":
            do { return try Zstd.decompress(bytes, atMost: Limits.plainBodyBytes) } catch {
                switch error {
                case .tooLarge: throw HTTPProblem(.contentTooLarge, "body: \(error)")
                case .malformed: throw HTTPProblem(.badRequest, "body: \(error)")
                }
            }
        case let other?:
            throw HTTPProblem(.unsupportedMediaType, "Content-Encoding: expected zstd or nothing, got \"\(other)\"")
        }
    }
}
