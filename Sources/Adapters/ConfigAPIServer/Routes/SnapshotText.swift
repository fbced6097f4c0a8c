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
        /// Of all of them, with commas between.
        var bytes: [UInt8] = []
        /// Where each ends in `bytes`.
        var ends: [Int] = []
        var digest: [UInt8] = []

        func bytes(at index: Int) -> ArraySlice<UInt8> { bytes[(index == 0 ? 0 : ends[index - 1] + 1)..<ends[index]] }
    }

    private let last = Mutex(Written())

    /// The ETag of an answer: of everything in it but the heartbeats' times. The generation alone would not do: a row
    /// changed while the triggers were disabled leaves it as it is, and so does an instance that catches up.
    /// What only some may see makes another answer.
    func tag(of snapshot: ConfigSnapshot, isRedacted: Bool) -> String {
        var frame: ConfigSnapshot = snapshot
        frame.resources = []
        for index in frame.instances.indices { frame.instances[index].heartbeatAt = Timestamp(microseconds: 0) }
        let digest = Digests.sha256(frame.json.canonical + written(snapshot.resources).digest)
        let form: String = isRedacted ? "/redacted" : ""
        return "\"\(snapshot.storeId)/\(snapshot.generation)/\(hexadecimal(digest.prefix(8)))\(form)\""
    }

    /// The answer.
    func body(of snapshot: ConfigSnapshot) -> [UInt8] {
        let resources: [UInt8] = written(snapshot.resources).bytes
        var frame: ConfigSnapshot = snapshot
        frame.resources = []
        var members: [String: JSONValue] = frame.json.object ?? [:]
        members["resources"] = nil
        var body: [UInt8] = []
        body.reserveCapacity(resources.count + 4096)
        body += JSONValue.object(members).canonical.dropLast()
        body += ",\"resources\":[".utf8
        body += resources
        body += "]}".utf8
        return body
    }

    private func written(_ resources: [StoredResource]) -> Written {
        let known: Written = last.withLock { $0 }
        // Where nothing was written these are the same array, which costs nothing to find out.
        if known.resources == resources, !known.digest.isEmpty { return known }
        let places = Dictionary(known.resources.enumerated().map { ($1.key, $0) }) { first, _ in first }
        var new = Written(resources: resources)
        new.bytes.reserveCapacity(known.bytes.count + 4096)
        new.ends.reserveCapacity(resources.count)
        for (index, resource) in resources.enumerated() {
            if index > 0 { new.bytes.append(UInt8(ascii: ",")) }
            if let place = places[resource.key], known.resources[place] == resource {
                new.bytes += known.bytes(at: place)
            } else {
                new.bytes += resource.json.canonical
            }
            new.ends.append(new.bytes.count)
        }
        new.digest = Digests.sha256(new.bytes)
        last.withLock { $0 = new }
        return new
    }
}
