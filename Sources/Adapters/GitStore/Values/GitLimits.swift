package import Declarations

/// What one run of the git worker may cost. Beyond a limit the run ends with an error that names it.
package struct GitLimits: Hashable, Sendable {
    /// Bytes of pack data from a remote.
    package var receivedBytes = 512 << 20
    package var receivedObjects = 2_000_000
    /// Bytes of one object in a pack.
    package var objectBytes = 256 << 20
    /// Address space of the worker.
    package var memoryBytes = 4 << 30
    /// Wanted files in a tree.
    package var files = 10_000
    package var fileBytes = 1 << 20
    /// Bytes of all wanted files together.
    package var totalBytes = 64 << 20
    /// Entries looked at in a tree, wanted or not.
    package var treeEntries = 1_000_000
    package var treeDepth = 64
    /// Commits looked at to find sources.
    package var searchedCommits = 20_000
    /// Packs in the store before it is packed into one. libgit2 adds one with each fetch and never repacks.
    package var packs = 100

    package init() {}
}

extension GitLimits: JSONCodable {
    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        receivedBytes = try reader.integer("receivedBytes")
        receivedObjects = try reader.integer("receivedObjects")
        objectBytes = try reader.integer("objectBytes")
        memoryBytes = try reader.integer("memoryBytes")
        files = try reader.integer("files")
        fileBytes = try reader.integer("fileBytes")
        totalBytes = try reader.integer("totalBytes")
        treeEntries = try reader.integer("treeEntries")
        treeDepth = try reader.integer("treeDepth")
        searchedCommits = try reader.integer("searchedCommits")
        packs = try reader.integer("packs")
    }

    package var json: JSONValue {
        [
            "receivedBytes": .integer(receivedBytes), "receivedObjects": .integer(receivedObjects),
            "objectBytes": .integer(objectBytes), "memoryBytes": .integer(memoryBytes), "files": .integer(files),
            "fileBytes": .integer(fileBytes), "totalBytes": .integer(totalBytes),
            "treeEntries": .integer(treeEntries), "treeDepth": .integer(treeDepth),
            "searchedCommits": .integer(searchedCommits), "packs": .integer(packs),
        ]
    }
}
