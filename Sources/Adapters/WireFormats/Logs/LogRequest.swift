import Declarations
package import Telemetry

/// A request of `POST /api/v1/logs` once everything that cannot be stored is taken out: `docs/reference/logs.md`.
package struct LogRequest: Hashable, Sendable {
    /// The host that the request names, where it does; the caller compares it with the credential's.
    package var host: String?
    /// Lines of files, each with its place: the form of agents.
    package var streams: [LogStreamBatch]
    /// Lines without a place: the form for a line of shell.
    package var entries: [Entry]
    /// What makes a request of entries the same request.
    package var key: String?
    /// Lines refused; `rejects` says why, for the first of them.
    package private(set) var rejectedLines = 0
    package private(set) var rejects: [DecodedMetrics.Reject] = []

    package struct Entry: Hashable, Sendable {
        package var origin: LogOrigin
        package var line: LogLine

        package init(origin: LogOrigin, line: LogLine) {
            self.origin = origin
            self.line = line
        }
    }

    /// What a client without a name is called.
    package static let simpleSource = "api"
    private static let longestKey = 200

    /// Reads a request. What is wrong with a part is a reject of that part; only a body that is no such request throws.
    package init(parsing bytes: some Collection<UInt8>, now: Timestamp) throws(WireFormatError) {
        let body: JSONValue
        do { body = try JSONValue(parsing: bytes) } catch {
            throw WireFormatError(description: "not JSON: \(error)")
        }
        let streams: JSONValue? = body["streams"]
        let entries: JSONValue? = body["entries"]
        guard streams?.array != nil || entries?.array != nil else {
            throw WireFormatError(description: "expected an object with a member \"streams\" or \"entries\", an array")
        }
        host = body["host"]?.string
        key = body["key"]?.string
        self.streams = []
        self.entries = []
        if let key, key.isEmpty || key.utf8.count > Self.longestKey || key.utf8.contains(0) {
            throw WireFormatError(description: "key: expected 1 to \(Self.longestKey) bytes without NUL")
        }
        var count = 0
        for (index, item) in (streams?.array ?? []).enumerated() { take(stream: item, index, now, &count) }
        for (index, item) in (entries?.array ?? []).enumerated() { take(entry: item, index, now, &count) }
    }

    private mutating func reject(_ path: String, lines: Int, _ reason: String) {
        rejectedLines += lines
        if rejects.count < DecodedMetrics.mostReasons { rejects.append(.init(path: path, reason: reason)) }
    }

    // MARK: Streams

    private mutating func take(stream item: JSONValue, _ index: Int, _ now: Timestamp, _ count: inout Int) {
        let path = "/streams/\(index)"
        let lines: [JSONValue] = item["lines"]?.array ?? []
        guard let stream = item["stream"]?.string, Self.isStreamName(stream), let end = item["end"]?.integer else {
            reject(path, lines: lines.count, "expected \"stream\" (1 to 64 letters, digits, _ and -) and \"end\"")
            return
        }
        count += lines.count
        guard count <= Limits.logLinesPerRequest else {
            reject(path, lines: lines.count, "more than \(Limits.logLinesPerRequest) lines in one request")
            return
        }
        guard let places = Self.places(lines, end: end) else {
            reject(path, lines: lines.count, "expected \"place\" of each line, ascending and below \"end\"")
            return
        }
        let origin: LogOrigin
        switch Self.origin(item) {
        case .success(let found): origin = found
        case .failure(let error):
            reject(path, lines: lines.count, error.description)
            return
        }
        var batch = LogStreamBatch(stream: stream, origin: origin, lines: [], end: end)
        for (number, (place, line)) in zip(places, lines).enumerated() {
            switch Self.line(line, now: now) {
            case .success(let line): batch.lines.append(.init(place: place, line: line))
            case .failure(let error):
                reject("\(path)/lines/\(number)", lines: 1, error.description)
                batch.lines.append(.init(place: place, line: nil))
            }
        }
        streams.append(batch)
    }

    private static func isStreamName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }

    private static func places(_ lines: [JSONValue], end: Int) -> [Int]? {
        var last = -1
        var places: [Int] = []
        for line in lines {
            guard let place = line["place"]?.integer, place > last else { return nil }
            places.append(place)
            last = place
        }
        return end > last && end >= 0 ? places : nil
    }

    // MARK: Entries

    private mutating func take(entry item: JSONValue, _ index: Int, _ now: Timestamp, _ count: inout Int) {
        let path = "/entries/\(index)"
        count += 1
        guard count <= Limits.logLinesPerRequest else {
            reject(path, lines: 1, "more than \(Limits.logLinesPerRequest) lines in one request")
            return
        }
        switch (Self.origin(item), Self.line(item, now: now)) {
        case (.success(let origin), .success(let line)): entries.append(Entry(origin: origin, line: line))
        case (.failure(let error), _), (_, .failure(let error)): reject(path, lines: 1, error.description)
        }
    }

    // MARK: Both

    private static func origin(_ item: JSONValue) -> Result<LogOrigin, WireFormatError> {
        let source: String = item["source"]?.string ?? simpleSource
        let path: String = item["path"]?.string ?? ""
        if let objection = SampleRules.objection(toName: source) {
            return .failure(.init(description: objection.description))
        }
        guard path.utf8.count <= 4096, !path.utf8.contains(0) else {
            return .failure(.init(description: "path: expected at most 4096 bytes without NUL"))
        }
        var labels: [String: String] = [:]
        for (name, value) in item["labels"]?.object ?? [:] {
            guard let text = value.string else {
                return .failure(.init(description: "labels: the value of \(name) is no text"))
            }
            labels[name] = text
        }
        if let objection = SampleRules.objection(to: labels) {
            return .failure(.init(description: objection.description))
        }
        return .success(LogOrigin(source: source, path: path, labels: Labels(labels)))
    }

    private static func line(_ item: JSONValue, now: Timestamp) -> Result<LogLine, WireFormatError> {
        func failure(_ reason: String) -> Result<LogLine, WireFormatError> { .failure(.init(description: reason)) }
        guard let message = item["message"]?.string else { return failure("message: expected a text") }
        guard message.utf8.count <= Limits.logMessageBytes else {
            return failure(
                "message: \(message.utf8.count) bytes; at most \(Limits.logMessageBytes) are stored")
        }
        guard let time = time(item["time"], now: now) else { return failure(RawFrame.timeForm) }
        if let objection = SampleRules.objection(to: time, now: now) { return failure(objection.description) }
        guard let level = level(item["level"]) else {
            return failure("level: expected debug, info, warn or error, or another name of one of them")
        }
        let fields: JSONValue = item["fields"] ?? [:]
        guard fields.object != nil else { return failure("fields: expected an object") }
        let text: String = withoutNUL(fields).canonicalText
        guard text.utf8.count <= Limits.logFieldsBytes else {
            return failure("fields: \(text.utf8.count) bytes; at most \(Limits.logFieldsBytes) are stored")
        }
        return .success(LogLine(time: time, level: level, message: withoutNUL(message), fields: text))
    }

    private static func time(_ value: JSONValue?, now: Timestamp) -> Timestamp? {
        switch value {
        case nil: now
        case .string(let text)?: Timestamp(rfc3339: text)
        case .number(let milliseconds)?: Timestamp(seconds: milliseconds / 1000)
        default: nil
        }
    }

    private static func level(_ value: JSONValue?) -> LogLevel? {
        guard let value else { return .info }
        return value.string.flatMap { LogLevel(alias: $0) }
    }
}
