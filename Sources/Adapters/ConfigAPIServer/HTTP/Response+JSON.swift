package import Declarations
package import HTTPTypes
package import Hummingbird
import NIOCore

extension Response {
    /// A JSON answer with status 200.
    package static func json(_ value: JSONValue, headers: HTTPFields = [:]) -> Response {
        json(.ok, value, headers: headers)
    }

    /// A JSON answer.
    package static func json(
        _ status: HTTPResponse.Status, _ value: JSONValue, headers: HTTPFields = [:]
    ) -> Response { json(status, bytes: value.canonical, headers: headers) }

    /// An answer whose bytes are JSON.
    package static func json(
        _ status: HTTPResponse.Status = .ok, bytes: [UInt8], headers: HTTPFields = [:]
    ) -> Response {
        var fields: HTTPFields = headers
        fields[.contentType] = "application/json"
        // Answers depend on the credential; nothing on the way may keep them.
        if fields[.cacheControl] == nil { fields[.cacheControl] = "no-store" }
        return Response(
            status: status, headers: fields, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    /// An answer in plain text.
    package static func text(
        _ status: HTTPResponse.Status = .ok, _ text: String, type: String = "text/plain; charset=utf-8"
    ) -> Response {
        Response(
            status: status, headers: [.contentType: type], body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}

extension HTTPField.Name {
    /// The set digest of what the host is to run; an agent fetches its config when it differs from what it has.
    package static let plumbConfig: HTTPField.Name = fieldName("Plumb-Config")
    /// The name under which an agent counts the log lines that it delivers.
    package static let plumbLedger: HTTPField.Name = fieldName("Plumb-Ledger")
    package static let lastEventID: HTTPField.Name = fieldName("Last-Event-ID")
    package static let requestID: HTTPField.Name = fieldName("X-Request-Id")
    package static let contentTypeOptions: HTTPField.Name = fieldName("X-Content-Type-Options")
}

private func fieldName(_ name: String) -> HTTPField.Name {
    guard let name = HTTPField.Name(name) else { preconditionFailure("\(name) is no name of a header field") }
    return name
}
