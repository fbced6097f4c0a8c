/// What the double knows and remembers: commands in, answers out. No sockets.
struct Commands {
    var collections: Collections
    private var cursors: [Int64: (namespace: String, rest: [BSONDocument])] = [:]
    private var lastPage: BSONDocument?
    private var cursorNumber: Int64 = 0x1000_0000_0001

    init(collections: Collections) { self.collections = collections }

    /// The cursors that are open.
    var openCursors: Int { cursors.count }

    mutating func answer(_ request: WireRequest) -> BSONDocument {
        do { return try run(request) } catch let error as WireError {
            return Self.failure(code: 2, name: "BadValue", message: error.description)
        } catch { return Self.failure(code: 8, name: "UnknownError", message: "\(error)") }
    }

    /// The page that was answered last, in place of the next one.
    mutating func answerAgain(_ request: WireRequest) -> BSONDocument { lastPage ?? answer(request) }

    static func failure(code: Int32, name: String, message: String) -> BSONDocument {
        ["ok": .double(0), "errmsg": .string(message), "code": .int32(code), "codeName": .string(name)]
    }

    private static let ok: BSONDocument = ["ok": .double(1)]

    private mutating func run(_ request: WireRequest) throws -> BSONDocument {
        let command: BSONDocument = request.command
        switch request.name {
        case "hello", "isMaster", "ismaster":
            var hello: BSONDocument = Self.hello
            if command["saslSupportedMechs"] != nil { hello["saslSupportedMechs"] = ["SCRAM-SHA-256"] }
            return hello
        case "ping", "endSessions": return Self.ok
        case "buildInfo", "buildinfo": return ["version": "6.0.0", "ok": .double(1)]
        case "insert":
            let documents: [BSONDocument] = try Self.documents(command, "documents")
            collections.insert(documents, into: try Self.namespace(command, "insert"))
            return ["n": .int32(Int32(documents.count)), "ok": .double(1)]
        case "find": return try find(command)
        case "getMore": return try getMore(command)
        case "killCursors":
            for cursor in command["cursors"]?.array ?? [] { cursors[Int64(cursor.integer ?? 0)] = nil }
            return Self.ok
        case "update": return try update(command)
        case "aggregate": return try count(command)
        default:
            return Self.failure(code: 59, name: "CommandNotFound", message: "no such command: '\(request.name)'")
        }
    }

    /// As a standalone server of version 6.0.
    private static let hello: BSONDocument = [
        "ismaster": .bool(true), "isWritablePrimary": .bool(true), "helloOk": .bool(true),
        "maxBsonObjectSize": .int32(16_777_216), "maxMessageSizeBytes": .int32(48_000_000),
        "maxWriteBatchSize": .int32(100_000), "logicalSessionTimeoutMinutes": .int32(30), "minWireVersion": .int32(0),
        "maxWireVersion": .int32(17), "readOnly": .bool(false), "ok": .double(1),
    ]

    private static func namespace(_ command: BSONDocument, _ key: String) throws -> String {
        guard let database = command["$db"]?.string, let collection = command[key]?.string else {
            throw WireError("a command without $db and collection")
        }
        return "\(database).\(collection)"
    }

    private static func documents(_ command: BSONDocument, _ key: String) throws -> [BSONDocument] {
        guard let items = command[key]?.array else { throw WireError("\(key) must be an array") }
        return items.compactMap(\.document)
    }

    // MARK: Reading

    private mutating func find(_ command: BSONDocument) throws -> BSONDocument {
        let namespace: String = try Self.namespace(command, "find")
        let found: [BSONDocument] = try collections.find(
            command["filter"]?.document ?? [:], sort: command["sort"]?.document ?? [:], in: namespace)
        let limit: Int = command["limit"]?.integer ?? 0
        let wanted: ArraySlice<BSONDocument> = limit > 0 ? found.prefix(limit) : found[...]
        // Without a wish the first batch has 101 documents, as MongoDB's.
        let size: Int = command["batchSize"]?.integer ?? 101
        return page(Array(wanted), size: size, isLast: command["singleBatch"] == .bool(true), namespace, "firstBatch")
    }

    private mutating func getMore(_ command: BSONDocument) throws -> BSONDocument {
        guard let number = command["getMore"]?.integer, let cursor = cursors.removeValue(forKey: Int64(number)) else {
            return Self.failure(code: 43, name: "CursorNotFound", message: "cursor id is not found")
        }
        let size: Int = command["batchSize"]?.integer ?? Int.max
        return page(cursor.rest, size: size, isLast: false, cursor.namespace, "nextBatch")
    }

    private mutating func page(
        _ documents: [BSONDocument], size: Int, isLast: Bool, _ namespace: String, _ key: String
    ) -> BSONDocument {
        var batch: [BSONDocument] = []
        var bytes = 0
        // A batch ends at 16 MiB too, and has one document at least.
        for document in documents.prefix(size) {
            bytes += document.bytes.count
            if !batch.isEmpty, bytes > 16 << 20 { break }
            batch.append(document)
        }
        collections.serve(batch, from: namespace)
        var identifier: Int64 = 0
        if batch.count < documents.count, !isLast {
            cursorNumber += 1
            identifier = cursorNumber
            cursors[identifier] = (namespace, Array(documents.dropFirst(batch.count)))
        }
        let cursor: BSONDocument = [
            "id": .int64(identifier), "ns": .string(namespace), key: .array(batch.map { .document($0) }),
        ]
        let answer: BSONDocument = ["cursor": .document(cursor), "ok": .double(1)]
        if key == "firstBatch" { lastPage = answer }
        return answer
    }

    /// The one pipeline that drivers send to count documents: match, then group into one sum.
    private func count(_ command: BSONDocument) throws -> BSONDocument {
        let namespace: String = try Self.namespace(command, "aggregate")
        let stages: [BSONDocument] = try Self.documents(command, "pipeline")
        guard stages.map({ $0.members.first?.key }) == ["$match", "$group"] else { throw WireError("unknown pipeline") }
        let found: Int = try collections.find(stages[0]["$match"]?.document ?? [:], sort: [:], in: namespace).count
        let groups: [BSON] = found == 0 ? [] : [["_id": .int32(1), "n": .int32(Int32(found))]]
        let cursor: BSONDocument = ["id": .int64(0), "ns": .string(namespace), "firstBatch": .array(groups)]
        return ["cursor": .document(cursor), "ok": .double(1)]
    }

    // MARK: Writing

    private mutating func update(_ command: BSONDocument) throws -> BSONDocument {
        let namespace: String = try Self.namespace(command, "update")
        var (matched, modified): (Int, Int) = (0, 0)
        for statement in try Self.documents(command, "updates") {
            let result = try collections.update(
                statement["q"]?.document ?? [:], with: statement["u"]?.document ?? [:],
                isMany: statement["multi"] == .bool(true), in: namespace)
            matched += result.matched
            modified += result.modified
        }
        return ["n": .int32(Int32(matched)), "nModified": .int32(Int32(modified)), "ok": .double(1)]
    }
}
