/// What somebody who asked for a connection gets.
enum PoolGrant<Connection> {
    /// Take this one; it may have died while idle.
    case use(Connection)
    /// There is room: open one and use it, or say ``PoolState/lost()``.
    case open
}

extension PoolGrant: Sendable where Connection: Sendable {}

/// The bookkeeping of a pool as a value: how many connections there are, which are idle, who waits. It decides; the
/// pool acts.
///
/// A connection is being opened, in use, or idle. `total` counts all three and never passes `size`; a connection that
/// dies leaves by ``lost()``, which hands its place to the first who waits. So the pool neither grows past its size nor
/// stays below it while somebody waits.
struct PoolState<Connection, Waiter> {
    typealias Grant = PoolGrant<Connection>

    let size: Int
    let mostWaiting: Int
    private(set) var idle: [Connection] = []
    private(set) var total = 0
    private(set) var waiting: [(id: Int, waiter: Waiter)] = []
    private(set) var isClosed = false
    /// Ids that were given out and are not in the queue yet. One that is withdrawn before leaves this set.
    private var reserved: Set<Int> = []
    private var lastId = 0

    init(size: Int, mostWaiting: Int) {
        precondition(size > 0 && mostWaiting >= 0)
        self.size = size
        self.mostWaiting = mostWaiting
    }

    enum Acquisition {
        case grant(Grant)
        /// Queue up under this id with ``enqueue(_:id:)``.
        case wait(id: Int)
        case full
        case closed
    }

    mutating func acquire() -> Acquisition {
        if isClosed { return .closed }
        if let grant = takeGrant() { return .grant(grant) }
        guard waiting.count + reserved.count < mostWaiting else { return .full }
        lastId += 1
        reserved.insert(lastId)
        return .wait(id: lastId)
    }

    enum Enqueueing {
        case queued
        /// Something came free since ``acquire()``.
        case grant(Grant)
        case withdrawn
        case closed
    }

    mutating func enqueue(_ waiter: Waiter, id: Int) -> Enqueueing {
        guard reserved.remove(id) != nil else { return .withdrawn }
        if isClosed { return .closed }
        if let grant = takeGrant() { return .grant(grant) }
        waiting.append((id, waiter))
        return .queued
    }

    /// Takes a waiter out of the queue who will wait no longer; nil where it has been served, or is not there yet (it
    /// then learns it from ``enqueue(_:id:)``).
    mutating func withdraw(id: Int) -> Waiter? {
        reserved.remove(id)
        guard let position = waiting.firstIndex(where: { $0.id == id }) else { return nil }
        return waiting.remove(at: position).waiter
    }

    enum Return {
        case nothing
        case hand(Waiter, Grant)
        /// Close the connection that was returned.
        case drop
    }

    /// A connection comes back in good order.
    mutating func released(_ connection: Connection) -> Return {
        if isClosed {
            total -= 1
            return .drop
        }
        guard let first = popWaiter() else {
            idle.append(connection)
            return .nothing
        }
        return .hand(first, .use(connection))
    }

    /// A connection is gone, or could not be opened.
    mutating func lost() -> Return {
        guard let first = popWaiter() else {
            total -= 1
            return .nothing
        }
        return .hand(first, .open)
    }

    /// Closes: nobody gets a connection any more. Gives the idle connections and those who wait.
    mutating func close() -> (idle: [Connection], waiting: [Waiter]) {
        isClosed = true
        let leftovers: [Connection] = idle
        let waiters: [Waiter] = waiting.map(\.waiter)
        total -= leftovers.count
        idle = []
        waiting = []
        return (leftovers, waiters)
    }

    private mutating func takeGrant() -> Grant? {
        // The last one returned is the one that is most probably still alive.
        if let connection = idle.popLast() { return .use(connection) }
        guard total < size else { return nil }
        total += 1
        return .open
    }

    private mutating func popWaiter() -> Waiter? { waiting.isEmpty ? nil : waiting.removeFirst().waiter }
}
