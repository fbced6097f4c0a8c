import Declarations
package import Runtime

/// Docker's API, which Podman has too, on a unix socket.
package struct EngineSocket: ContainerEngine {
    private let path: String
    private let timeoutSeconds: Int

    package static let usualPaths = ["/run/docker.sock", "/run/podman/podman.sock"]
    package static var usual: [any ContainerEngine] { usualPaths.map { EngineSocket(path: $0) } }
    private static let mostBytes = 8 << 20

    package init(path: String, timeoutSeconds: Int = 3) {
        self.path = path
        self.timeoutSeconds = timeoutSeconds
    }

    package func containers() throws(FileError) -> [ContainerDescription] {
        let answer: [UInt8] = try ask("/containers/json")
        let json: JSONValue
        do throws(JSONError) { json = try JSONValue(parsing: answer) } catch {
            throw failure("its answer is no JSON: \(error)")
        }
        guard let items = json.array else { throw failure("its answer is no list") }
        return items.compactMap { item in
            guard let id = item["Id"]?.string, let name = item["Names"]?.array?.first?.string else { return nil }
            return ContainerDescription(
                id: id, name: name.hasPrefix("/") ? String(name.dropFirst()) : name, image: item["Image"]?.string ?? "")
        }
    }

    private func failure(_ reason: String) -> FileError {
        FileError(path: path, operation: "ask the container engine at", reason: reason)
    }

    /// One request. HTTP/1.0: the answer ends with the connection, and comes in one piece.
    private func ask(_ target: String) throws(FileError) -> [UInt8] {
        let stream = try UnixStream(path: path, timeoutSeconds: timeoutSeconds)
        try stream.send(Array("GET \(target) HTTP/1.0\r\nHost: localhost\r\n\r\n".utf8))
        var answer: [UInt8] = []
        while true {
            let more: [UInt8] = try stream.receive()
            if more.isEmpty { break }
            answer += more
            guard answer.count <= Self.mostBytes else { throw failure("its answer is too long") }
        }
        return try body(answer)
    }

    private func body(_ answer: [UInt8]) throws(FileError) -> [UInt8] {
        let head: ArraySlice<UInt8> = answer.prefix(4096)
        guard head.starts(with: "HTTP/1.".utf8), let blank = head.firstIndex(of: UInt8(ascii: " ")) else {
            throw failure("its answer is no HTTP")
        }
        guard head[(blank + 1)...].starts(with: "200".utf8) else {
            throw failure("status \(String(decoding: head[(blank + 1)...].prefix(3), as: UTF8.self))")
        }
        var place: Int = answer.startIndex
        while place + 3 < answer.count {
            if answer[place...].starts(with: "\r\n\r\n".utf8) { return Array(answer[(place + 4)...]) }
            place += 1
        }
        throw failure("its answer has no end of its head")
    }
}
