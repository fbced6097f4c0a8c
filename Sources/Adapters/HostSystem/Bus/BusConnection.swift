import Glibc
import Runtime

/// A connection to a D-Bus, for one thread that may block. Every wait has an end.
final class BusConnection: @unchecked Sendable {
    private let stream: UnixStream
    private var lastSerial: UInt32 = 0
    private let path: String
    private var received: [UInt8] = []

    /// Connects to the bus whose socket is `path`, says who this user is, and greets. Throws where there is no bus, or
    /// none that answers in time.
    init(path: String, timeoutSeconds: Int = 3) throws(FileError) {
        self.path = path
        stream = try UnixStream(path: path, timeoutSeconds: timeoutSeconds)
        try authenticate()
        _ = try call("Hello", of: "org.freedesktop.DBus", at: "/org/freedesktop/DBus", on: "org.freedesktop.DBus")
    }

    private func failure(_ reason: String) -> FileError {
        FileError(path: path, operation: "ask the system bus at", reason: reason)
    }

    /// Who this is the kernel tells the bus; the user's number is said in hexadecimal digits of its decimal ones.
    private func authenticate() throws(FileError) {
        let digits: String = "\(geteuid())".utf8.map { String($0, radix: 16) }.joined()
        try stream.send([0] + Array("AUTH EXTERNAL \(digits)\r\n".utf8))
        var line: [UInt8] = []
        while line.last != UInt8(ascii: "\n"), line.count < 200 { line += try receive(1) }
        guard line.starts(with: "OK ".utf8) else { throw failure("it does not let this user in") }
        try stream.send(Array("BEGIN\r\n".utf8))
    }

    /// Calls a method and waits for its answer.
    func call(
        _ member: String, of interface: String, at path: String, on destination: String, _ arguments: [String] = []
    ) throws(FileError) -> BusMessage {
        try answer(to: try request(member, of: interface, at: path, on: destination, arguments))
    }

    /// The same with arguments of other types.
    func call(
        _ member: String, of interface: String, at path: String, on destination: String, signature: String,
        body: [UInt8]
    ) throws(FileError) -> BusMessage {
        lastSerial += 1
        var message = BusMessage(call: member, of: interface, at: path, on: destination, serial: lastSerial)
        message.signature = signature
        message.body = body
        try send(message)
        return try answer(to: lastSerial)
    }

    private func answer(to serial: UInt32) throws(FileError) -> BusMessage {
        while true {
            let message: BusMessage = try next()
            guard message.replySerial == serial else { continue }
            guard message.kind == .answer else { throw failure(Self.reason(message)) }
            return message
        }
    }

    /// Asks for one property of each object at once and gives those that came, in the order of the objects: the bus
    /// answers all in the time of one.
    func properties(
        _ property: String, of interface: String, at paths: [String], on destination: String
    ) throws(FileError) -> [BusValue?] {
        var places: [UInt32: Int] = [:]
        for (place, path) in paths.enumerated() {
            let serial: UInt32 = try request(
                "Get", of: "org.freedesktop.DBus.Properties", at: path, on: destination, [interface, property])
            places[serial] = place
        }
        var values = [BusValue?](repeating: nil, count: paths.count)
        while !places.isEmpty {
            let message: BusMessage = try next()
            guard let serial = message.replySerial, let place = places.removeValue(forKey: serial) else { continue }
            // A unit that went meanwhile is an error, and no value.
            guard message.kind == .answer, message.signature == "v" else { continue }
            var reader = BusReader(message.body)
            values[place] = try? reader.variant()
        }
        return values
    }

    private func request(
        _ member: String, of interface: String, at path: String, on destination: String, _ arguments: [String]
    ) throws(FileError) -> UInt32 {
        lastSerial += 1
        try send(
            BusMessage(call: member, of: interface, at: path, on: destination, arguments, serial: lastSerial))
        return lastSerial
    }

    func send(_ message: BusMessage) throws(FileError) { try stream.send(message.encoded) }

    /// The next message, whatever it is.
    func next() throws(FileError) -> BusMessage {
        do throws(BusError) {
            let prefix: [UInt8] = try receiveAll(BusMessage.prefixLength)
            let length: Int = try BusMessage.length(prefix: prefix)
            return try BusMessage(decoding: prefix + receiveAll(length - prefix.count))
        } catch {
            throw failure(error.message)
        }
    }

    private static func reason(_ message: BusMessage) -> String {
        var reader = BusReader(message.body)
        let text: String? = message.signature.hasPrefix("s") ? try? reader.text() : nil
        return text ?? message.errorName ?? "an error without a name"
    }

    private func receiveAll(_ count: Int) throws(BusError) -> [UInt8] {
        do throws(FileError) { return try receive(count) } catch { throw BusError(error.reason) }
    }

    private func receive(_ count: Int) throws(FileError) -> [UInt8] {
        while received.count < count {
            let more: [UInt8] = try stream.receive()
            guard !more.isEmpty else { throw failure("the connection was closed") }
            received += more
        }
        defer { received.removeFirst(count) }
        return Array(received[..<count])
    }
}
