package import Declarations
package import Hummingbird
import NIOCore
import Telemetry

extension Request {
    /// The body's bytes, at most `limit`; 413 otherwise, before anything is read where the length is announced.
    package func bytes(limit: Int = Limits.bodyBytes) async throws -> [UInt8] {
        if let announced = headers[.contentLength].flatMap({ Int($0) }), announced > limit {
            throw tooLarge(limit)
        }
        var bytes: [UInt8] = []
        for try await part in body {
            guard bytes.count + part.readableBytes <= limit else { throw tooLarge(limit) }
            bytes += part.readableBytesView
        }
        return bytes
    }

    /// The body as JSON of a form; 413 when it is too large, 400 with the place of the mistake when it is not that.
    package func decode<Form: JSONCodable>(
        _ form: Form.Type = Form.self, limit: Int = Limits.bodyBytes
    ) async throws -> Form {
        let bytes: [UInt8] = try await bytes(limit: limit)
        do { return try Form(parsing: bytes) } catch { throw HTTPProblem(.badRequest, "body: \(error)") }
    }

    /// The body as any JSON.
    package func json(limit: Int = Limits.bodyBytes) async throws -> JSONValue {
        let bytes: [UInt8] = try await bytes(limit: limit)
        do { return try JSONValue(parsing: bytes) } catch { throw HTTPProblem(.badRequest, "body: not JSON: \(error)") }
    }

    /// A parameter of the query that must be an integer in `range` where it is there.
    package func integerParameter(_ name: String, in range: ClosedRange<Int>) throws(HTTPProblem) -> Int? {
        guard let text = uri.queryParameters[name[...]] else { return nil }
        guard let number = Int(text), range.contains(number) else {
            throw HTTPProblem(
                .badRequest,
                "\(name): expected an integer from \(range.lowerBound) to \(range.upperBound), got \"\(text)\"")
        }
        return number
    }

    private func tooLarge(_ limit: Int) -> HTTPProblem {
        HTTPProblem(.contentTooLarge, "the body is larger than \(limit) bytes")
    }
}
