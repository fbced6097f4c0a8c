/// What is to happen when, and what time it is. Time stands still while something happens.
struct Timeline {
    typealias Token = UInt64

    private struct Entry {
        var at: Duration
        var token: Token
        var action: () -> Void

        func isBefore(_ other: Entry) -> Bool { at == other.at ? token < other.token : at < other.at }
    }

    /// Since the start.
    private(set) var now: Duration = .zero
    private var heap: [Entry] = []
    private var cancelled: Set<Token> = []
    private var lastToken: Token = 0

    /// Of what is due at the same time, what was asked for first happens first.
    @discardableResult
    mutating func after(_ delay: Duration, _ action: @escaping () -> Void) -> Token {
        lastToken += 1
        heap.append(Entry(at: now + max(.zero, delay), token: lastToken, action: action))
        rise(heap.count - 1)
        return lastToken
    }

    mutating func cancel(_ token: Token) { cancelled.insert(token) }

    /// Moves time to what is due next and gives it; nil where nothing is, or nothing before `limit`.
    mutating func next(before limit: Duration) -> (() -> Void)? {
        while let first = heap.first, first.at < limit {
            removeFirst()
            guard cancelled.remove(first.token) == nil else { continue }
            now = first.at
            return first.action
        }
        return nil
    }

    private mutating func removeFirst() {
        let last: Entry = heap.removeLast()
        guard !heap.isEmpty else { return }
        heap[0] = last
        var index = 0
        while true {
            var least = index
            for child in [index * 2 + 1, index * 2 + 2] where child < heap.count && heap[child].isBefore(heap[least]) {
                least = child
            }
            guard least != index else { return }
            heap.swapAt(index, least)
            index = least
        }
    }

    private mutating func rise(_ start: Int) {
        var index = start
        while index > 0, heap[index].isBefore(heap[(index - 1) / 2]) {
            heap.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }
}
