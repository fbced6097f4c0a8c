package import Declarations

/// Reads the answer of `GET /v1/config` as it comes, resource by resource, so that its bytes are never held as a whole.
/// A resource whose bytes were read before is not read again: of ten thousand that are asked for after a change, one
/// is.
package struct SnapshotReader: Sendable {
    /// Resources, and the SHA-256 of the bytes that each was read from.
    package struct Known: Sendable {
        fileprivate var resources: [StoredResource] = []
        fileprivate var places: [Digest: Int] = [:]

        package init() {}
    }

    private let known: Known
    private let sha256: SHA256Function
    private var read = Known()
    private var texts = SharedTexts()
    /// Everything but the resources.
    private var frame: [UInt8] = []
    /// What came of a resource whose end has not come.
    private var pending: [UInt8] = []
    private var depth = 0
    private var isInString = false
    private var isEscaped = false
    private var isInResources = false
    private var failure: JSONFormError?

    package init(known: Known, sha256: @escaping SHA256Function) {
        self.known = known
        self.sha256 = sha256
    }

    /// Takes the next bytes.
    package mutating func consume(_ bytes: [UInt8]) {
        var start = 0
        for index in bytes.indices {
            let byte: UInt8 = bytes[index]
            if isInString {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isInString = true
            case UInt8(ascii: "{"): depth += 1
            case UInt8(ascii: "["):
                depth += 1
                guard depth == 2, !isInResources else { continue }
                frame += bytes[start...index]
                start = index + 1
                isInResources = frame.endsWithResources
            case UInt8(ascii: "}"):
                depth -= 1
                guard isInResources, depth == 2 else { continue }
                pending += bytes[start...index]
                start = index + 1
                takePending()
            case UInt8(ascii: "]"), UInt8(ascii: ","):
                let isEnd: Bool = byte == UInt8(ascii: "]")
                if isInResources, depth == 2 {
                    pending += bytes[start..<index]
                    start = isEnd ? index : index + 1
                    dropSpace()
                    if isEnd { isInResources = false }
                }
                if isEnd { depth -= 1 }
            default: break
            }
        }
        if isInResources { pending += bytes[start...] } else { frame += bytes[start...] }
    }

    /// The snapshot, and what to know when the next one is read. Throws where the bytes were not one.
    package consuming func finish() throws(JSONFormError) -> (ConfigSnapshot, Known) {
        if let failure { throw failure }
        var snapshot = try ConfigSnapshot(parsing: frame)
        snapshot.resources = read.resources
        return (snapshot, read)
    }

    private mutating func takePending() {
        let digest = Digest(sha256(pending))
        defer { pending.removeAll(keepingCapacity: true) }
        guard failure == nil else { return }
        do throws(JSONFormError) {
            let place: Int? = known.places[digest]
            let resource: StoredResource
            if let place {
                resource = known.resources[place]
            } else {
                resource = try StoredResource(parsing: pending).compact(&texts)
            }
            read.places[digest] = read.resources.count
            read.resources.append(resource)
        } catch {
            failure = JSONFormError(path: "/resources/\(read.resources.count)\(error.path)", message: error.message)
        }
    }

    /// Between two resources there is white space, or it is no answer.
    private mutating func dropSpace() {
        if !pending.allSatisfy({ $0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }), failure == nil {
            failure = JSONFormError(path: "/resources/\(read.resources.count)", message: "expected an object")
        }
        pending.removeAll(keepingCapacity: true)
    }
}

/// A SHA-256 without an array of its own; any part of it is as good a hash as all of it.
fileprivate struct Digest: Hashable, Sendable {
    private var words: SIMD4<UInt64> = .zero

    /// - Parameter bytes: 32 bytes.
    init(_ bytes: [UInt8]) {
        for place in 0..<32 { words[place / 8] = words[place / 8] << 8 | UInt64(bytes[place]) }
    }

    func hash(into hasher: inout Hasher) { hasher.combine(words[0]) }
}

extension [UInt8] {
    private static let key: [UInt8] = Array("\"resources\"".utf8)

    /// Whether the array that has just begun is the member `resources`.
    fileprivate var endsWithResources: Bool {
        var rest: ArraySlice<UInt8> = dropLast()
        func dropSpace() { while let last = rest.last, last <= 0x20 { rest.removeLast() } }
        dropSpace()
        guard rest.popLast() == UInt8(ascii: ":") else { return false }
        dropSpace()
        return rest.suffix(Self.key.count) == Self.key[...] && rest.dropLast(Self.key.count).last != UInt8(ascii: "\\")
    }
}
