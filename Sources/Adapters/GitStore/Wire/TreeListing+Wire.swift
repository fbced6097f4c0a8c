package import Declarations

extension TreeListing {
    /// The listing as a header; the bytes of its files follow as blobs, in order.
    package var answer: WorkerAnswer {
        let entries: [JSONValue] = files.map { file in
            [
                "path": .string(file.path), "blob": .string(file.blob.hex), "size": .integer(file.size),
                "sent": .bool(file.bytes != nil),
            ]
        }
        let header: JSONValue = [
            "files": .array(entries), "refusals": refusals.json, "ignoredCount": .integer(ignoredCount),
        ]
        return WorkerAnswer(.success(header), blobs: files.compactMap(\.bytes))
    }

    package init(header: JSONValue, blobs: [[UInt8]]) throws(JSONFormError) {
        let reader = try JSONObjectReader(header)
        var files: [File] = []
        var remaining: ArraySlice<[UInt8]> = blobs[...]
        for entry in try reader.array("files") {
            let file = try JSONObjectReader(entry)
            var bytes: [UInt8]?
            if try file.bool("sent", default: false) {
                guard let next = remaining.popFirst() else { throw file.error("sent", "its bytes are missing") }
                bytes = next
            }
            files.append(
                File(
                    path: try file.string("path"), blob: try file.objectID("blob"), size: try file.integer("size"),
                    bytes: bytes))
        }
        self.init(
            files: files, refusals: try reader.list("refusals"), ignoredCount: try reader.integer("ignoredCount"))
    }
}
