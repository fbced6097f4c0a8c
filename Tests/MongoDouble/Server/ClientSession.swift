/// What the server knows of one connection: who it says it is.
struct ClientSession {
    private let credentials: ScramConversation.Credentials?
    private var conversation: ScramConversation?

    /// Without credentials everybody may do everything.
    init(_ credentials: ScramConversation.Credentials?) { self.credentials = credentials }

    /// The answer to what has to do with who somebody is; nil where the command may be run.
    mutating func answer(_ request: WireRequest) -> BSONDocument? {
        guard let credentials else { return nil }
        let payload: [UInt8] = request.command["payload"]?.bytes ?? []
        switch request.name {
        case "hello", "isMaster", "ismaster": return nil
        case "saslStart":
            guard request.command["mechanism"] == "SCRAM-SHA-256" else { return Self.refusal }
            conversation = ScramConversation(credentials)
            return Self.answer(conversation?.start(payload), isDone: false)
        case "saslContinue":
            // The client may send an empty message at the end, which asks for nothing.
            if conversation?.isDone == true { return Self.answer([], isDone: true) }
            return Self.answer(conversation?.finish(payload), isDone: true)
        default:
            guard conversation?.isDone != true else { return nil }
            return Commands.failure(
                code: 13, name: "Unauthorized", message: "command \(request.name) requires authentication")
        }
    }

    private static let refusal: BSONDocument = Commands.failure(
        code: 18, name: "AuthenticationFailed", message: "Authentication failed.")

    private static func answer(_ payload: [UInt8]?, isDone: Bool) -> BSONDocument {
        guard let payload else { return refusal }
        return [
            "conversationId": .int32(1), "done": .bool(isDone), "payload": .binary(subtype: 0, payload),
            "ok": .double(1),
        ]
    }
}
