/// A compiled regular expression: the instructions of a virtual machine (Thompson's construction as Russ Cox describes
/// it in "Regular Expression Matching: the Virtual Machine Approach").
struct PatternProgram: Sendable {
    private enum Instruction: Sendable {
        case match
        case set(Int)
        case jump(Int)
        /// The first is preferred.
        case split(Int, Int)
        case save(Int)
        case assertion(Assertion)
    }

    private enum Assertion: Sendable { case textStart, textEnd, lineStart, lineEnd, wordBoundary, noWordBoundary }

    private var instructions: [Instruction] = []
    private var sets: [ScalarSet] = []
    private let slotCount: Int
    private let text: String

    /// Bounds the memory and the time of `((a{1000}){1000})`.
    private static let mostInstructions = 10_000

    init(_ tree: PatternTree, captures: Int, text: String) throws(PatternError) {
        slotCount = (captures + 1) * 2
        self.text = text
        try emit(.save(0))
        try compile(tree)
        try emit(.save(1))
        try emit(.match)
    }

    // MARK: Compiling

    private mutating func emit(_ instruction: Instruction) throws(PatternError) {
        guard instructions.count < Self.mostInstructions else {
            throw PatternError(message: "expression too large", pattern: text)
        }
        instructions.append(instruction)
    }

    private mutating func compile(_ tree: PatternTree) throws(PatternError) {
        switch tree {
        case .empty: break
        case .set(let set):
            sets.append(set)
            try emit(.set(sets.count - 1))
        case .sequence(let items):
            for item in items { try compile(item) }
        case .choice(let branches): try compileChoice(branches)
        case .repetition(let item, let minimum, let maximum, let isLazy):
            try compileRepetition(item, minimum, maximum, isLazy)
        case .capture(let item, let index):
            try emit(.save(index * 2))
            try compile(item)
            try emit(.save(index * 2 + 1))
        case .textStart: try emit(.assertion(.textStart))
        case .textEnd: try emit(.assertion(.textEnd))
        case .lineStart: try emit(.assertion(.lineStart))
        case .lineEnd: try emit(.assertion(.lineEnd))
        case .wordBoundary(let isNegated): try emit(.assertion(isNegated ? .noWordBoundary : .wordBoundary))
        }
    }

    private mutating func compileChoice(_ branches: [PatternTree]) throws(PatternError) {
        var exits: [Int] = []
        for (index, branch) in branches.enumerated() {
            guard index < branches.count - 1 else {
                try compile(branch)
                break
            }
            let split: Int = instructions.count
            try emit(.split(split + 1, 0))
            try compile(branch)
            exits.append(instructions.count)
            try emit(.jump(0))
            instructions[split] = .split(split + 1, instructions.count)
        }
        for exit in exits { instructions[exit] = .jump(instructions.count) }
    }

    private mutating func compileRepetition(
        _ item: PatternTree, _ minimum: Int, _ maximum: Int?, _ isLazy: Bool
    ) throws(PatternError) {
        for _ in 0..<minimum { try compile(item) }
        guard let maximum else {
            let split: Int = instructions.count
            try emit(.split(0, 0))
            try compile(item)
            try emit(.jump(split))
            setSplit(at: split, isLazy: isLazy, exit: instructions.count)
            return
        }
        var splits: [Int] = []
        for _ in minimum..<maximum {
            splits.append(instructions.count)
            try emit(.split(0, 0))
            try compile(item)
        }
        for split in splits { setSplit(at: split, isLazy: isLazy, exit: instructions.count) }
    }

    private mutating func setSplit(at split: Int, isLazy: Bool, exit: Int) {
        instructions[split] = isLazy ? .split(exit, split + 1) : .split(split + 1, exit)
    }

    // MARK: Running

    private struct Thread {
        var counter: Int
        var slots: [Int]
    }

    /// The places of the groups where the whole text matches, else nil.
    func run(_ text: [Unicode.Scalar], wantsCaptures: Bool) -> [Int]? {
        var current: [Thread] = []
        var visited = [Int](repeating: -1, count: instructions.count)
        let slots: [Int] = wantsCaptures ? [Int](repeating: -1, count: slotCount) : []
        follow(Thread(counter: 0, slots: slots), at: 0, in: text, &current, &visited)
        for position in 0..<text.count {
            var next: [Thread] = []
            for thread in current {
                guard case .set(let set) = instructions[thread.counter], sets[set].contains(text[position].value)
                else { continue }
                let moved = Thread(counter: thread.counter + 1, slots: thread.slots)
                follow(moved, at: position + 1, in: text, &next, &visited)
            }
            if next.isEmpty { return nil }
            current = next
        }
        for thread in current {
            if case .match = instructions[thread.counter] { return thread.slots }
        }
        return nil
    }

    /// Adds the instructions that can be reached from a thread without reading, in order of preference.
    private func follow(
        _ thread: Thread, at position: Int, in text: [Unicode.Scalar], _ threads: inout [Thread],
        _ visited: inout [Int]
    ) {
        // A stack of our own: a pattern of thousands of instructions must not cost the process its stack.
        var pending: [Thread] = [thread]
        while var thread = pending.popLast() {
            guard visited[thread.counter] != position else { continue }
            visited[thread.counter] = position
            switch instructions[thread.counter] {
            case .jump(let target):
                thread.counter = target
                pending.append(thread)
            case .split(let first, let second):
                pending.append(Thread(counter: second, slots: thread.slots))
                thread.counter = first
                pending.append(thread)
            case .save(let slot):
                if slot < thread.slots.count { thread.slots[slot] = position }
                thread.counter += 1
                pending.append(thread)
            case .assertion(let assertion):
                guard holds(assertion, at: position, in: text) else { continue }
                thread.counter += 1
                pending.append(thread)
            case .set, .match: threads.append(thread)
            }
        }
    }

    private func holds(_ assertion: Assertion, at position: Int, in text: [Unicode.Scalar]) -> Bool {
        switch assertion {
        case .textStart: return position == 0
        case .textEnd: return position == text.count
        case .lineStart: return position == 0 || text[position - 1] == "\n"
        case .lineEnd: return position == text.count || text[position] == "\n"
        case .wordBoundary, .noWordBoundary:
            let before: Bool = position > 0 && isWord(text[position - 1])
            let after: Bool = position < text.count && isWord(text[position])
            if case .wordBoundary = assertion { return before != after }
            return before == after
        }
    }

    private func isWord(_ scalar: Unicode.Scalar) -> Bool {
        ScalarSet.wordCharacters.contains { $0.contains(scalar.value) }
    }
}
