import Glibc

/// Serves the repositories of a folder over git's smart HTTP protocol, by `git http-backend`.
package final class GitHTTPServer: Sendable {
    private let listener: LocalListener

    package var port: Int { listener.port }

    /// `password` asks every client for that password, whatever the user name. `redirect` sends them elsewhere.
    /// `fault` is how every answer goes wrong.
    package init(
        serving folder: String, password: String? = nil, redirect: String? = nil, fault: GitFault? = nil
    ) throws {
        let answering = Answering(folder: folder, password: password, redirect: redirect, fault: fault)
        listener = try LocalListener { connection in answering.serve(connection) }
    }

    package func url(_ path: String) -> String { "http://127.0.0.1:\(port)/\(path)" }
}

private struct Answering {
    let folder: String
    let password: String?
    let redirect: String?
    let fault: GitFault?

    func serve(_ connection: Int32) {
        guard let request = HTTPRequest(reading: connection) else { return }
        if fault == .endlessRedirect {
            let place = "http://\(request.fields["host"] ?? "")/again\(request.path)"
            return send("HTTP/1.1 301 Moved\r\nLocation: \(place)\r\n", [], to: connection)
        }
        if let redirect {
            return send("HTTP/1.1 301 Moved\r\nLocation: \(redirect)\(request.path)\r\n", [], to: connection)
        }
        if let password, !request.isAuthorised(by: password) {
            return send("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"\r\n", [], to: connection)
        }
        let output: [UInt8] = run(request)
        guard let end = output.endOfHead else {
            return send("HTTP/1.1 500 No answer\r\n", [], to: connection)
        }
        let lines: [String] = String(decoding: output[..<end], as: UTF8.self).split(separator: "\r\n").map(String.init)
        let status: String = lines.first { $0.hasPrefix("Status: ") }.map { String($0.dropFirst(8)) } ?? "200 OK"
        let fields: [String] = lines.filter { !$0.hasPrefix("Status: ") }
        let head: String = (["HTTP/1.1 \(status)"] + fields).joined(separator: "\r\n") + "\r\n"
        let body: [UInt8] = Array(output[(end + 4)...])
        if let fault, !fault.isWithinPack || request.method == "POST" {
            return fault.send(head: head, body: body, to: connection)
        }
        send(head, body, to: connection)
    }

    private func send(_ head: String, _ body: [UInt8], to connection: Int32) {
        let bytes: [UInt8] = Array("\(head)Content-Length: \(body.count)\r\nConnection: close\r\n\r\n".utf8) + body
        var rest: ArraySlice<UInt8> = bytes[...]
        while !rest.isEmpty {
            let count: Int = rest.withUnsafeBytes {
                Glibc.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    /// What the program answers; its body comes from a file, because it may be long.
    private func run(_ request: HTTPRequest) -> [UInt8] {
        guard let scratch = try? TemporaryFolder(), let body = try? scratch.write(request.body, to: "body") else {
            return []
        }
        let parts: [Substring] = request.path.split(separator: "?", maxSplits: 1)
        let variables: [(String, String)] = [
            ("GIT_PROJECT_ROOT", folder), ("GIT_HTTP_EXPORT_ALL", "1"), ("REQUEST_METHOD", request.method),
            ("PATH_INFO", String(parts.first ?? "/")), ("QUERY_STRING", parts.count > 1 ? String(parts[1]) : ""),
            ("CONTENT_TYPE", request.fields["content-type"] ?? ""), ("CONTENT_LENGTH", "\(request.body.count)"),
            ("HTTP_CONTENT_ENCODING", request.fields["content-encoding"] ?? ""), ("REMOTE_USER", "test"),
            ("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", "safe.directory"), ("GIT_CONFIG_VALUE_0", "*"),
        ]
        let settings: String = variables.map { "\($0)='\($1)'" }.joined(separator: " ")
        guard let pipe = popen("\(settings) git http-backend <'\(body)' 2>/dev/null", "r") else { return [] }
        defer { pclose(pipe) }
        var output: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count: Int = fread(&chunk, 1, chunk.count, pipe)
            guard count > 0 else { return output }
            output += chunk.prefix(count)
        }
    }
}

private struct HTTPRequest {
    var method: String
    var path: String
    var fields: [String: String] = [:]
    var body: [UInt8] = []

    init?(reading connection: Int32) {
        var bytes: [UInt8] = []
        while bytes.endOfHead == nil {
            guard Self.receive(connection, into: &bytes), bytes.count < 1 << 20 else { return nil }
        }
        guard let end = bytes.endOfHead else { return nil }
        let lines: [Substring] = String(decoding: bytes[..<end], as: UTF8.self).split(separator: "\r\n")
        let words: [Substring] = lines.first?.split(separator: " ") ?? []
        guard words.count == 3 else { return nil }
        method = String(words[0])
        path = String(words[1])
        for line in lines.dropFirst() {
            let parts: [Substring] = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { continue }
            fields[parts[0].lowercased()] = String(parts[1].drop { $0 == " " })
        }
        body = Array(bytes[(end + 4)...])
        guard let length = Int(fields["content-length"] ?? "0") else { return nil }
        while body.count < length {
            guard Self.receive(connection, into: &body) else { return nil }
        }
    }

    /// Basic authentication with this password.
    func isAuthorised(by password: String) -> Bool {
        guard let field = fields["authorization"], field.hasPrefix("Basic ") else { return false }
        let pair: String = Self.base64Decoded(field.dropFirst(6))
        return pair.split(separator: ":", maxSplits: 1).last.map(String.init) == password
    }

    private static func receive(_ connection: Int32, into bytes: inout [UInt8]) -> Bool {
        var chunk = [UInt8](repeating: 0, count: 65536)
        let count: Int = recv(connection, &chunk, chunk.count, 0)
        guard count > 0 else { return false }
        bytes += chunk.prefix(count)
        return true
    }

    private static func base64Decoded(_ text: Substring) -> String {
        let alphabet: [Character] = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        var bits = 0
        var held = 0
        var bytes: [UInt8] = []
        for character in text {
            guard let value = alphabet.firstIndex(of: character) else { continue }
            held = (held << 6 | value) & 0xffff
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: held >> bits))
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension [UInt8] {
    /// Where the empty line begins that ends an HTTP head.
    fileprivate var endOfHead: Int? {
        let mark: [UInt8] = Array("\r\n\r\n".utf8)
        guard count >= mark.count else { return nil }
        return (0...(count - mark.count)).first {
            self[$0] == mark[0] && self[$0..<($0 + mark.count)].elementsEqual(mark)
        }
    }
}
