import CLibyaml
import Declarations

/// One step through a YAML stream.
struct Event {
    var content: Content
    var mark: Mark
    /// Properties of a node; nil where there are none.
    var anchor: String?
    var tag: String?

    enum Content {
        case streamStart, streamEnd, documentStart, documentEnd
        case alias(String)
        case scalar(String, isPlain: Bool)
        case sequenceStart, sequenceEnd, mappingStart, mappingEnd
    }
}

struct SyntaxError: Error {
    var mark: Mark
    var message: String
}

/// libyaml's event parser over bytes that it owns a copy of.
@safe struct EventParser: ~Copyable {
    /// On the heap: libyaml keeps a pointer to the parser in itself.
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let input: UnsafeMutableBufferPointer<UInt8>

    init(_ bytes: [UInt8]) {
        unsafe parser = .allocate(capacity: 1)
        unsafe input = .allocate(capacity: bytes.count)
        _ = unsafe input.initialize(from: bytes)
        // Fails only where memory is exhausted, and then the parser is zeroed: parsing reports the error.
        unsafe yaml_parser_initialize(parser)
        unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        unsafe yaml_parser_set_input_string(parser, input.baseAddress, input.count)
    }

    deinit {
        unsafe yaml_parser_delete(parser)
        unsafe parser.deallocate()
        unsafe input.deallocate()
    }

    /// The next event. After an error or the end of the stream it must not be called again.
    func next() throws(SyntaxError) -> Event {
        var event = unsafe yaml_event_t()
        guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw syntaxError() }
        defer { unsafe yaml_event_delete(&event) }
        return unsafe Event(copying: event)
    }

    private func syntaxError() -> SyntaxError {
        let problem: String = unsafe parser.pointee.problem.map { unsafe String(cString: $0) } ?? "out of memory"
        let context: String = unsafe parser.pointee.context.map { unsafe ", " + String(cString: $0) } ?? ""
        guard unsafe parser.pointee.error != YAML_READER_ERROR else {
            return SyntaxError(mark: mark(ofByte: unsafe parser.pointee.problem_offset), message: problem)
        }
        let place: yaml_mark_t = unsafe parser.pointee.problem_mark
        let isTab: Bool = unsafe place.index < input.count && isTab(place)
        let hint: String = isTab ? "; YAML is indented by spaces, not tabs" : ""
        return SyntaxError(mark: Mark(place), message: problem + context + hint)
    }

    private func isTab(_ place: yaml_mark_t) -> Bool {
        let text = unsafe String(decoding: input, as: UTF8.self)
        let lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
        guard place.line < lines.count else { return false }
        return lines[place.line].dropFirst(place.column).first == "\t"
    }

    /// libyaml gives no line for characters that no YAML may contain, only their offset.
    private func mark(ofByte offset: Int) -> Mark {
        let before = unsafe String(decoding: input[..<min(offset, input.count)], as: UTF8.self).unicodeScalars
        let line: Int = before.count { $0 == "\n" } + 1
        let column: Int =
            (before.lastIndex(of: "\n").map { before[before.index(after: $0)...].count } ?? before.count) + 1
        return Mark(line: line, column: column)
    }
}

extension Mark {
    fileprivate init(_ mark: yaml_mark_t) {
        self.init(line: Int(mark.line) + 1, column: Int(mark.column) + 1)
    }
}

extension Event {
    /// Copies what libyaml owns: the event is freed behind this.
    fileprivate init(copying event: yaml_event_t) {
        mark = unsafe Mark(event.start_mark)
        switch unsafe event.type {
        case YAML_STREAM_START_EVENT: content = .streamStart
        case YAML_DOCUMENT_START_EVENT: content = .documentStart
        case YAML_DOCUMENT_END_EVENT: content = .documentEnd
        case YAML_ALIAS_EVENT: content = .alias(unsafe text(event.data.alias.anchor) ?? "")
        case YAML_SCALAR_EVENT:
            let scalar = unsafe event.data.scalar
            let bytes = unsafe UnsafeBufferPointer(start: scalar.value, count: Int(scalar.length))
            content = .scalar(
                unsafe String(decoding: bytes, as: UTF8.self), isPlain: unsafe scalar.style == YAML_PLAIN_SCALAR_STYLE)
            (anchor, tag) = unsafe (text(scalar.anchor), text(scalar.tag))
        case YAML_SEQUENCE_START_EVENT:
            content = .sequenceStart
            let start = unsafe event.data.sequence_start
            (anchor, tag) = unsafe (text(start.anchor), text(start.tag))
        case YAML_SEQUENCE_END_EVENT: content = .sequenceEnd
        case YAML_MAPPING_START_EVENT:
            content = .mappingStart
            let start = unsafe event.data.mapping_start
            (anchor, tag) = unsafe (text(start.anchor), text(start.tag))
        case YAML_MAPPING_END_EVENT: content = .mappingEnd
        default: content = .streamEnd
        }
    }
}

private func text(_ bytes: UnsafeMutablePointer<yaml_char_t>?) -> String? {
    unsafe bytes.map { unsafe String(decodingCString: $0, as: UTF8.self) }
}
