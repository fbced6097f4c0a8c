import Declarations

/// Builds trees of nodes from the events of one file.
struct Composer: ~Copyable {
    private let file: String
    private let events: EventParser
    private(set) var documents: [ManifestDocument] = []
    private(set) var problems: [Diagnostic] = []
    private var values = 0

    private static let deepest = 64
    private static let mostValues = 100_000

    init(file: String, events: consuming EventParser) {
        self.file = file
        self.events = events
    }

    /// Reads to the end of the stream, or to the first syntax error.
    mutating func run() {
        do {
            while true {
                let event: Event = try events.next()
                switch event.content {
                case .streamEnd: return
                case .streamStart, .documentEnd: continue
                default: break
                }
                // A document begins; its one node follows.
                documents.append(ManifestDocument(file: file, root: try node(try events.next(), depth: 0)))
            }
        } catch {
            report(error.mark, error.message)
        }
    }

    private mutating func node(_ event: Event, depth: Int) throws(SyntaxError) -> Node {
        values += 1
        guard values <= Self.mostValues else {
            throw SyntaxError(mark: event.mark, message: "the file has more than \(Self.mostValues) values")
        }
        guard depth < Self.deepest else {
            throw SyntaxError(mark: event.mark, message: "nested deeper than \(Self.deepest)")
        }
        if event.anchor != nil { report(event.mark, "anchors are not supported: write the value where it is needed") }
        switch event.content {
        case .scalar(let text, let isPlain):
            return .scalar(text, isPlain: self.isPlain(event, isPlain), event.mark)
        case .sequenceStart:
            checkTag(event, ["seq"])
            return .sequence(try items(depth: depth), event.mark)
        case .mappingStart:
            checkTag(event, ["map"])
            return .mapping(try pairs(depth: depth), event.mark)
        case .alias(let name):
            report(event.mark, "the alias *\(name) is not supported: write the value where it is needed")
        case .streamStart, .streamEnd, .documentStart, .documentEnd, .sequenceEnd, .mappingEnd:
            report(event.mark, "expected a value")
        }
        return .scalar("", isPlain: true, event.mark)
    }

    private mutating func items(depth: Int) throws(SyntaxError) -> [Node] {
        var items: [Node] = []
        while true {
            let event: Event = try events.next()
            if case .sequenceEnd = event.content { return items }
            items.append(try node(event, depth: depth + 1))
        }
    }

    private mutating func pairs(depth: Int) throws(SyntaxError) -> [(key: Node, value: Node)] {
        var pairs: [(key: Node, value: Node)] = []
        while true {
            let event: Event = try events.next()
            if case .mappingEnd = event.content { return pairs }
            let key: Node = try node(event, depth: depth + 1)
            pairs.append((key, try node(try events.next(), depth: depth + 1)))
        }
    }

    private static let core = "tag:yaml.org,2002:"

    /// A tag may say that a scalar is a text (`!!str`, `!`) or that it is to be read like a plain one.
    private mutating func isPlain(_ event: Event, _ isPlain: Bool) -> Bool {
        guard let tag = event.tag else { return isPlain }
        if tag == "!" || tag == Self.core + "str" { return false }
        checkTag(event, ["null", "bool", "int", "float"])
        return true
    }

    private mutating func checkTag(_ event: Event, _ known: [String]) {
        guard let tag = event.tag, tag != "!", !known.contains(where: { tag == Self.core + $0 }) else { return }
        report(event.mark, "the tag \(tag.prefix(60)) is not supported: leave it out")
    }

    private mutating func report(_ mark: Mark, _ message: String) {
        problems.append(Diagnostic(file: file, mark: mark, message: message))
    }
}
