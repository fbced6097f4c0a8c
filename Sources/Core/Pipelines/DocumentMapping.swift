package import Declarations
package import Telemetry

/// Why a document cannot become an event.
package struct Unmappable: Error, Hashable, Sendable {
    package var reason: String
}

/// The event that a document is, by the mapping of its pipeline. `receivedAt` is when it was read.
package func event(
    of document: SourceDocument, by spec: PipelineSpec, receivedAt: Timestamp
) -> Result<Event, Unmappable> {
    guard case .value(let value) = document.body else {
        if case .unreadable(let reason, _) = document.body { return .failure(Unmappable(reason: reason)) }
        return .failure(Unmappable(reason: "no document"))
    }
    do throws(Unmappable) {
        let mapper = Mapper(document: value, mapping: spec.mapping, receivedAt: receivedAt)
        let event = Event(
            time: try mapper.time(), source: try mapper.text(spec.mapping.source, "source"),
            type: try mapper.text(spec.mapping.type, "type"),
            sourceID: try spec.mapping.id.map { (field) throws(Unmappable) in try mapper.text(field, "id") }
                ?? document.id.key,
            host: try spec.mapping.host.map { (field) throws(Unmappable) in try mapper.text(field, "host") },
            payload: try mapper.body(spec.mapping.payload, "payload"), meta: try mapper.body(spec.mapping.meta, "meta"))
        if let objection = event.objection(now: receivedAt) { return .failure(Unmappable(reason: objection)) }
        let bytes: Int = event.payload.canonical.count + event.meta.canonical.count
        guard bytes <= spec.maxPayloadBytes else {
            throw Unmappable(
                reason: "payload and meta have \(bytes) bytes; maxPayloadBytes allows \(spec.maxPayloadBytes)")
        }
        return .success(event)
    } catch { return .failure(error) }
}

private struct Mapper {
    let document: DocumentValue
    let mapping: PipelineSpec.Mapping
    let receivedAt: Timestamp

    /// The first value that any of the pointers leads to, and which; null is none.
    private func find(_ pointers: [String]) -> (pointer: String, value: DocumentValue)? {
        for pointer in pointers {
            guard let value = document[pointer: pointer == "." ? "" : pointer], value != .null else { continue }
            return (pointer, value)
        }
        return nil
    }

    func time() throws(Unmappable) -> Timestamp {
        guard let (pointer, value) = find(mapping.time.from) else {
            guard mapping.time.missing == .received else {
                throw Unmappable(reason: "time: nothing at \(list(mapping.time.from))")
            }
            return receivedAt
        }
        switch value {
        case .date(let instant): return instant
        case .string(let text):
            guard let instant = Timestamp(rfc3339: text) else {
                throw Unmappable(reason: "time: \(pointer) is no time in RFC 3339: \"\(withoutNUL(text).prefix(60))\"")
            }
            return instant
        case .integer(let count): return try time(Double(count), pointer)
        case .number(let count): return try time(count, pointer)
        default: throw Unmappable(reason: "time: expected a date or text at \(pointer), got \(value.typeName)")
        }
    }

    private func time(_ count: Double, _ pointer: String) throws(Unmappable) -> Timestamp {
        switch mapping.time.numbers {
        case .seconds: Timestamp(seconds: count)
        case .milliseconds: Timestamp(seconds: count / 1000)
        case .refused:
            throw Unmappable(
                reason: "time: \(pointer) is a number; say in mapping.time.numbers whether it counts seconds or"
                    + " milliseconds")
        }
    }

    func text(_ field: PipelineSpec.Field, _ name: String) throws(Unmappable) -> String {
        guard let (pointer, value) = find(field.from) else {
            guard let fallback = field.fallback else {
                throw Unmappable(reason: "\(name): nothing at \(list(field.from)), and no default")
            }
            return fallback
        }
        switch value {
        case .string(let text): return withoutNUL(text)
        case .objectID(let hex): return hex
        case .integer(let number): return "\(number)"
        case .bool(let flag): return "\(flag)"
        case .number, .date, .other, .array, .object, .null:
            throw Unmappable(reason: "\(name): expected a text at \(pointer), got \(value.typeName)")
        }
    }

    func body(_ body: PipelineSpec.Body, _ name: String) throws(Unmappable) -> JSONValue {
        guard let (pointer, value) = find(body.from) else {
            guard !body.required else { throw Unmappable(reason: "\(name): nothing at \(list(body.from))") }
            return [:]
        }
        guard case .object(var members) = value else {
            throw Unmappable(reason: "\(name): expected an object at \(pointer), got \(value.typeName)")
        }
        for member in body.omit { members[member] = nil }
        return DocumentValue.object(members).json
    }

    private func list(_ pointers: [String]) -> String {
        pointers.isEmpty ? "any place" : pointers.joined(separator: " or ")
    }
}
