import Declarations
package import Telemetry

/// What a container's runtime writes around each line that a program in it writes.
package struct ContainerWrapper: Hashable, Sendable {
    /// `stdout` or `stderr`.
    package var stream: String
    package var time: Timestamp?
    /// The runtime cut the program's line here: the next one of the stream goes on with it.
    package var isPartial: Bool

    package init(stream: String, time: Timestamp?, isPartial: Bool) {
        self.stream = stream
        self.time = time
        self.isPartial = isPartial
    }
}

extension RawLine {
    /// The program's own line, with what stood around it; nil where it is blank. A line that is not of the runtime's form
    /// stays as it is.
    package var unwrapped: RawLine? {
        guard let (content, wrapper) = dockerContent ?? criContent else { return self }
        let text: ArraySlice<UInt8> = content.last == 0x0D && !wrapper.isPartial ? content.dropLast() : content
        let isBlank: Bool = !text.contains { $0 != 0x20 && $0 != 0x09 }
        guard !isBlank || wrapper.isPartial else { return nil }
        return RawLine(place: place, bytes: Array(text), isCut: isCut, wrapper: wrapper)
    }

    /// Docker's `json-file`: `{"log":"…\n","stream":"stdout","time":"…"}`. A log without its line feed is the part of a
    /// line.
    private var dockerContent: (ArraySlice<UInt8>, ContainerWrapper)? {
        guard bytes.first == UInt8(ascii: "{"), let json = try? JSONValue(parsing: bytes),
            let log = json["log"]?.string, let stream = json["stream"]?.string
        else { return nil }
        let content: [UInt8] = Array(log.utf8)
        let isPartial: Bool = content.last != 0x0A
        let time: Timestamp? = json["time"]?.string.flatMap { Timestamp(rfc3339: $0) }
        return (
            isPartial ? content[...] : content.dropLast(),
            ContainerWrapper(stream: stream, time: time, isPartial: isPartial)
        )
    }

    /// The form of the container runtime interface: `2026-11-21T03:09:42.123456789Z stdout F …`, with `P` for the part of
    /// a line. Behind `F` and `P` there may be more tags, with colons.
    private var criContent: (ArraySlice<UInt8>, ContainerWrapper)? {
        let words: [ArraySlice<UInt8>] = bytes.split(
            separator: UInt8(ascii: " "), maxSplits: 3, omittingEmptySubsequences: false)
        guard words.count >= 3, let time = Timestamp(rfc3339: String(decoding: words[0], as: UTF8.self)),
            let tag = words[2].split(separator: UInt8(ascii: ":")).first, tag.count == 1
        else { return nil }
        let stream = String(decoding: words[1], as: UTF8.self)
        guard stream == "stdout" || stream == "stderr", let kind = tag.first, "PF".utf8.contains(kind) else {
            return nil
        }
        return (
            words.count > 3 ? words[3] : [],
            ContainerWrapper(stream: stream, time: time, isPartial: kind == UInt8(ascii: "P"))
        )
    }
}
