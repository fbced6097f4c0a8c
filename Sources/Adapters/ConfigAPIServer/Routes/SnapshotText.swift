import ConfigAPI
import Declarations
import Runtime
import Synchronization
import Telemetry

/// The JSON of a store's snapshots. Each resource is written once for each form that it has: of ten thousand resources
/// that are asked for again after a change, one is written and the rest copied.
final class SnapshotText: Sendable {
    private struct Written: Sendable {
        var resources: [StoredResource] = []
        /// The JSON of each.
        var texts: [[UInt8]] = []
        /// The digests of these, one after the other.
        var digests: [UInt8] = []

        static let digestLength = 32

        func digest(at index: Int) -> ArraySlice<UInt8> {
            digests[index * Self.digestLength..<(index + 1) * Self.digestLength]
        }
    }

    private let last = Mutex(Written())

    /// The ETag of an answer: of everything in it but the heartbeats' times. The generation alone would not do: a row
    /// changed while the triggers were disabled leaves it as it is, and so does an instance that catches up.
    /// What only some may see makes another answer.
    func tag(of snapshot: ConfigSnapshot, isRedacted: Bool) -> String {
        var frame: ConfigSnapshot = snapshot
        frame.resources = []
        for index in frame.instances.indices { frame.instances[index].heartbeatAt = Timestamp(microseconds: 0) }
        let digest = Digests.sha256(frame.json.canonical + written(snapshot.resources).digests)
        let form: String = isRedacted ? "/redacted" : ""
        return "\"\(snapshot.storeId)/\(snapshot.generation)/\(hexadecimal(digest.prefix(8)))\(form)\""
    }

    /// The answer.
    func body(of snapshot: ConfigSnapshot) -> [UInt8] {
        let texts: [[UInt8]] = written(snapshot.resources).texts
        var frame: ConfigSnapshot = snapshot
        frame.resources = []
        var members: [String: JSONValue] = frame.json.object ?? [:]
        members["resources"] = nil
        var body: [UInt8] = []
        body.reserveCapacity(texts.reduce(4096) { $0 + $1.count + 1 })
        body += JSONValue.object(members).canonical.dropLast()
        body += ",\"resources\":[".utf8
        for (index, text) in texts.enumerated() {
            if index > 0 { body.append(UInt8(ascii: ",")) }
            body += text
        }
        body += "]}".utf8
        return body
    }

    private func written(_ resources: [StoredResource]) -> Written {
        let known: Written = last.withLock { $0 }
        // Where nothing was written these are the same array, which costs nothing to find out.
        if known.resources == resources { return known }
        var new = Written(resources: resources)
        new.texts.reserveCapacity(resources.count)
        new.digests.reserveCapacity(resources.count * Written.digestLength)
        // Snapshots are in order of key: what was written before is met in passing.
        var place = 0
        for resource in resources {
            while place < known.resources.count, !known.resources[place].isIdentical(to: resource),
                known.resources[place].key < resource.key
            {
                place += 1
            }
            if place < known.resources.count, known.resources[place] == resource {
                new.texts.append(known.texts[place])
                new.digests += known.digest(at: place)
                place += 1
            } else {
                let text: [UInt8] = resource.json.canonical
                new.texts.append(text)
                new.digests += Digests.sha256(text)
            }
        }
        last.withLock { $0 = new }
        return new
    }
}
