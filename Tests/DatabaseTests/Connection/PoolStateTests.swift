@testable import Database
import Testing

@Suite struct PoolStateTests {
    /// SplitMix64: the same numbers in every run.
    private struct SeededGenerator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed: UInt64 = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }

    @Test(arguments: 0..<50)
    func `whatever happens, the pool counts every connection and serves who waits`(seed: UInt64) {
        var random = SeededGenerator(state: seed)
        var pool = PoolState<Int, Int>(size: 3, mostWaiting: 4)
        var inUse: [Int] = []
        var opening = 0
        var nextConnection = 0
        var waiting = 0
        func take(_ grant: PoolGrant<Int>) {
            switch grant {
            case .use(let connection): inUse.append(connection)
            case .open: opening += 1
            }
        }
        for _ in 0..<400 {
            switch Int.random(in: 0..<5, using: &random) {
            case 0, 1:
                switch pool.acquire() {
                case .grant(let grant): take(grant)
                case .wait(let id):
                    if Bool.random(using: &random) { _ = pool.withdraw(id: id) }
                    switch pool.enqueue(id, id: id) {
                    case .queued: waiting += 1
                    case .grant(let grant): take(grant)
                    case .withdrawn: break
                    case .closed: Issue.record("nobody closed the pool")
                    }
                case .full: #expect(waiting == 4)
                case .closed: Issue.record("nobody closed the pool")
                }
            case 2 where opening > 0:
                opening -= 1
                nextConnection += 1
                inUse.append(nextConnection)
            case 3 where !inUse.isEmpty:
                let connection: Int = inUse.remove(at: Int.random(in: 0..<inUse.count, using: &random))
                let next = Bool.random(using: &random) ? pool.released(connection) : pool.lost()
                if case .hand(_, let grant) = next {
                    waiting -= 1
                    take(grant)
                }
            case 4 where opening > 0:
                opening -= 1
                if case .hand(_, let grant) = pool.lost() {
                    waiting -= 1
                    take(grant)
                }
            default: break
            }
            #expect(pool.total == inUse.count + opening + pool.idle.count)
            #expect(pool.total <= 3)
            #expect(pool.waiting.count == waiting)
            // Nobody waits while a connection could be had.
            #expect(waiting == 0 || (pool.idle.isEmpty && pool.total == 3))
            #expect(Set(inUse + pool.idle).count == inUse.count + pool.idle.count)
        }
    }

    @Test func `a closed pool takes nothing back and gives nothing out`() {
        var pool = PoolState<Int, Int>(size: 1, mostWaiting: 1)
        guard case .grant(.open) = pool.acquire(), case .wait(let id) = pool.acquire() else {
            Issue.record("expected a place and a queue")
            return
        }
        guard case .queued = pool.enqueue(7, id: id) else {
            Issue.record("expected to queue")
            return
        }
        let (idle, waiting) = pool.close()
        #expect(idle.isEmpty)
        #expect(waiting == [7])
        guard case .drop = pool.released(1), case .closed = pool.acquire() else {
            Issue.record("the pool is closed")
            return
        }
        #expect(pool.total == 0)
    }
}
