import Dispatch
import Glibc
import Synchronization

/// A server that speaks MongoDB's wire protocol on a port of 127.0.0.1, with documents in memory and faults on demand.
///
/// It knows what the adapter's client library sends: the handshake, find with cursors, update, insert. Give it a
/// journal file to go on after the process that held it has ended.
package final class MongoDouble: Sendable {
    package let port: Int
    private let state: Mutex<State>
    private let credentials: ScramConversation.Credentials?

    private struct State {
        var commands: Commands
        var faults: [(command: String, fault: MongoFault)] = []
        var heard: [String] = []
        var replies: Int32 = 0
        var observer: (@Sendable (MongoMoment) -> Void)?
        var listener: Int32?
        var connections: Set<Int32> = []
    }

    /// With a user, clients must show that they know the password (SCRAM-SHA-256).
    package init(journal path: String? = nil, user: String? = nil, password: String = "") throws {
        credentials = user.map { ScramConversation.Credentials(user: $0, password: password) }
        let commands = Commands(collections: try Collections(journal: try path.map { try Journal(path: $0) }))
        let (listener, port) = try Self.listen(on: 0)
        self.port = port
        state = Mutex(State(commands: commands, listener: listener))
        accept(on: listener)
    }

    deinit { stop() }

    /// Ends every connection and listens no more: clients are refused.
    package func stop() {
        state.withLock { state in
            if let listener = state.listener {
                shutdown(listener, Int32(SHUT_RDWR))
                close(listener)
            }
            state.listener = nil
            // Only shut down: each is closed by the thread that reads it.
            for connection in state.connections { shutdown(connection, Int32(SHUT_RDWR)) }
        }
    }

    /// Listens again on the same port, with the same documents.
    package func start() throws {
        let (listener, _) = try Self.listen(on: port)
        state.withLock { $0.listener = listener }
        accept(on: listener)
    }

    package func restart() throws {
        stop()
        try start()
    }

    package var uri: String { "mongodb://127.0.0.1:\(port)" }

    // MARK: Documents

    package func insert(_ documents: [BSONDocument], into namespace: String) {
        state.withLock { $0.commands.collections.insert(documents, into: namespace) }
    }

    package func documents(in namespace: String) -> [BSONDocument] {
        state.withLock { $0.commands.collections.documents[namespace] ?? [] }
    }

    /// How often each document was sent to a client.
    package func served(from namespace: String) -> [BSON: Int] {
        state.withLock { $0.commands.collections.served[namespace] ?? [:] }
    }

    /// How often each document was changed by a client.
    package func updated(in namespace: String) -> [BSON: Int] {
        state.withLock { $0.commands.collections.updated[namespace] ?? [:] }
    }

    // MARK: What happens

    /// The names of the commands that came, the first first.
    package var heard: [String] { state.withLock { $0.heard } }

    package var openConnections: Int { state.withLock { $0.connections.count } }

    package var openCursors: Int { state.withLock { $0.commands.openCursors } }

    /// The next `times` commands of this name meet the fault.
    package func inject(_ fault: MongoFault, on command: String, times: Int = 1) {
        state.withLock { $0.faults += Array(repeating: (command, fault), count: times) }
    }

    /// Tells `observer` of each command, on the thread that serves it, which goes on when the observer returns.
    package func observe(_ observer: (@Sendable (MongoMoment) -> Void)?) {
        state.withLock { $0.observer = observer }
    }

    private func tell(_ command: String, _ phase: MongoMoment.Phase) {
        state.withLock { $0.observer }?(MongoMoment(command: command, phase: phase))
    }

    package func clearFaults() { state.withLock { $0.faults = [] } }

    // MARK: Connections

    private func accept(on listener: Int32) {
        // The double goes away with its last owner, though threads wait for clients.
        DispatchQueue(label: "mongo-double").async { [weak self] in
            while true {
                let connection: Int32 = accept4(listener)
                if connection < 0, errno == EINTR || errno == ECONNABORTED { continue }
                guard connection >= 0 else { return }
                guard let self, self.admit(connection, from: listener) else {
                    close(connection)
                    return
                }
            }
        }
    }

    private func admit(_ connection: Int32, from listener: Int32) -> Bool {
        let isOpen: Bool = state.withLock { state in
            guard state.listener == listener else { return false }
            state.connections.insert(connection)
            return true
        }
        guard isOpen else { return false }
        DispatchQueue.global().async { [weak self, credentials] in
            let stream = ClientStream(descriptor: connection)
            var session = ClientSession(credentials)
            while let request = stream.request() {
                guard let self, self.handle(request, &session, on: stream) else { break }
            }
            // Removed before it is closed: the number may belong to another connection a moment later.
            self?.state.withLock { _ = $0.connections.remove(connection) }
            shutdown(connection, Int32(SHUT_RDWR))
            close(connection)
        }
        return true
    }

    /// Answers; gives false where the connection is to end.
    private func handle(
        _ request: WireRequest, _ session: inout ClientSession, on stream: ClientStream
    ) -> Bool {
        let (fault, number): (MongoFault?, Int32) = state.withLock { state in
            state.heard.append(request.name)
            state.replies += 1
            let place: Int? = state.faults.firstIndex { $0.command == request.name }
            return (place.map { state.faults.remove(at: $0).fault }, state.replies)
        }
        tell(request.name, .heard)
        if case .delay(let duration) = fault { usleep(UInt32(duration / .microseconds(1))) }
        if case .closeBefore = fault { return false }
        let refusal: BSONDocument? = session.answer(request)
        let answer: BSONDocument = state.withLock { state in
            switch fault {
            case .error(let code, let name, let message):
                return Commands.failure(code: code, name: name, message: message)
            case _ where refusal != nil: return refusal ?? [:]
            case .repeatPage: return state.commands.answerAgain(request)
            default: return state.commands.answer(request)
            }
        }
        tell(request.name, .done)
        if request.isSilent { return true }
        switch fault {
        case .loseReply: return false
        case .closeMidMessage:
            let bytes: [UInt8] = request.reply(answer, number: number)
            _ = stream.send(Array(bytes.prefix(bytes.count / 2)))
            return false
        default: return stream.send(request.reply(answer, number: number))
        }
    }

    private static func listen(on port: Int) throws -> (descriptor: Int32, port: Int) {
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        let listener: Int32 = socket(AF_INET, kind, 0)
        guard listener >= 0 else { throw WireError("cannot make a socket") }
        var yes: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening: Bool = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
                bind(listener, name, length) == 0 && Glibc.listen(listener, 64) == 0
                    && getsockname(listener, name, &length) == 0
            }
        }
        guard isListening else {
            close(listener)
            throw WireError("cannot listen on 127.0.0.1:\(port): \(String(cString: strerror(errno)))")
        }
        return (listener, Int(UInt16(bigEndian: address.sin_port)))
    }
}

/// A moment of a command.
package struct MongoMoment: Hashable, Sendable {
    package var command: String
    package var phase: Phase

    package enum Phase: Hashable, Sendable {
        /// It came; nothing is done yet.
        case heard
        /// The work is done, the answer is not sent yet.
        case done
    }
}

/// What goes wrong on demand.
package enum MongoFault: Sendable {
    /// The work is done; the answer never comes, the connection ends.
    case loseReply
    /// The work is done; half of the answer comes, then the connection ends.
    case closeMidMessage
    /// The connection ends before any work is done.
    case closeBefore
    /// The page that was answered last comes once more.
    case repeatPage
    case delay(Duration)
    /// The server refuses, with a code of MongoDB's.
    case error(code: Int32, name: String, message: String)
}

private func accept4(_ listener: Int32) -> Int32 {
    let connection: Int32 = accept(listener, nil, nil)
    if connection >= 0 { _ = fcntl(connection, F_SETFD, FD_CLOEXEC) }
    return connection
}

/// One client's connection, read and written on its own thread.
private struct ClientStream {
    let descriptor: Int32

    /// Nil at the end, and where the client does not speak the protocol.
    func request() -> WireRequest? {
        guard let header = receive(16) else { return nil }
        var reader = ByteReader(header)
        guard let length = try? Int(reader.integer(Int32.self)), (16...(48 << 20)).contains(length),
            let body = receive(length - 16)
        else { return nil }
        return try? WireRequest(header: header, body: body)
    }

    private func receive(_ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let got: Int = bytes.withUnsafeMutableBytes { buffer in
                recv(descriptor, buffer.baseAddress.map { $0 + filled }, count - filled, 0)
            }
            if got < 0, errno == EINTR { continue }
            guard got > 0 else { return nil }
            filled += got
        }
        return bytes
    }

    func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count: Int = bytes.withUnsafeBytes { buffer in
                Glibc.send(descriptor, buffer.baseAddress.map { $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }
}
