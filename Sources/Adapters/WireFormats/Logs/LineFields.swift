package import Declarations

/// What a line says besides its time, level and message, in the order in which it says it. There are few, so they are
/// looked for one by one: a table would cost more to make than all else that is done with a line.
package struct LineFields: Sendable, ExpressibleByDictionaryLiteral {
    private var members: [(key: String, value: JSONValue)] = []

    package init() {}

    package init(dictionaryLiteral members: (String, JSONValue)...) { self.members = members }

    /// Members whose keys differ.
    init(unique members: [(key: String, value: JSONValue)]) { self.members = members }

    /// Of equal keys the first counts.
    init(first members: [(key: String, value: JSONValue)]) {
        var keys: Set<String> = []
        self.members = members.filter { keys.insert($0.key).inserted }
    }

    package var isEmpty: Bool { members.isEmpty }
    package var count: Int { members.count }

    package subscript(key: String) -> JSONValue? {
        get { members.first { $0.key == key }?.value }
        set {
            let place: Int? = members.firstIndex { $0.key == key }
            switch (place, newValue) {
            case (let place?, let value?): members[place].value = value
            case (let place?, nil): members.remove(at: place)
            case (nil, let value?): members.append((key, value))
            case (nil, nil): break
            }
        }
    }

    /// Replaces each NUL in keys and texts, which PostgreSQL cannot hold.
    mutating func replaceNUL() {
        self = LineFields(first: members.map { (withoutNUL($0.key), withoutNUL($0.value)) })
    }

    /// As a JSON object.
    package var text: String {
        var output: [UInt8] = []
        output.reserveCapacity(members.count * 40 + 2)
        output.append(UInt8(ascii: "{"))
        for (number, (key, value)) in members.enumerated() {
            if number > 0 { output.append(UInt8(ascii: ",")) }
            JSONValue.string(key).write(to: &output)
            output.append(UInt8(ascii: ":"))
            value.write(to: &output)
        }
        output.append(UInt8(ascii: "}"))
        return String(decoding: output, as: UTF8.self)
    }
}

extension LineFields: Hashable {
    /// Whatever their order.
    package static func == (left: LineFields, right: LineFields) -> Bool {
        left.count == right.count && left.members.allSatisfy { right[$0.key] == $0.value }
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(count) }
}
