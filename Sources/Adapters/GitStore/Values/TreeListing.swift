package import Declarations

/// Which files of a commit are wanted, as data: the worker that looks is another process.
package struct TreeFilter: Hashable, Sendable {
    /// The folder to read, as git spells it, without slashes at its ends; empty for the whole tree.
    package var root: String
    /// How wanted names end.
    package var suffixes: [String]
    /// Paths below `root` that are left alone, with everything below them.
    package var excluded: [String]
    /// The file below `root` that names more of these, in gitignore's syntax.
    package var ignoreFile: String

    package init(
        root: String = "", suffixes: [String] = [".yaml", ".yml"], excluded: [String] = [],
        ignoreFile: String = ".plumbignore"
    ) {
        self.root = root
        self.suffixes = suffixes
        self.excluded = excluded
        self.ignoreFile = ignoreFile
    }
}

/// The wanted files of one commit. Complete if there are no refusals; where there are, nothing may be concluded from a
/// file's absence.
package struct TreeListing: Hashable, Sendable {
    /// By path, ascending by bytes.
    package var files: [File]
    package var refusals: [Refusal]
    /// How many wanted files the ignore file took out.
    package var ignoredCount: Int

    package struct File: Hashable, Sendable {
        /// Below the filter's root.
        package var path: String
        package var blob: ObjectID
        package var size: Int
        /// Nil where the caller said that it knows this blob.
        package var bytes: [UInt8]?

        package init(path: String, blob: ObjectID, size: Int, bytes: [UInt8]?) {
            self.path = path
            self.blob = blob
            self.size = size
            self.bytes = bytes
        }
    }

    /// Something in the tree that is not read, and why.
    package struct Refusal: Hashable, Sendable {
        package enum Reason: String, CaseIterable, Sendable {
            case symlink, submodule, name, fileTooLarge, treeTooLarge, tooManyFiles, tooDeep
        }

        /// Below the filter's root; bytes that are no UTF-8 are replaced.
        package var path: String
        package var reason: Reason
        package var message: String

        package init(path: String, reason: Reason, message: String) {
            self.path = path
            self.reason = reason
            self.message = message
        }
    }

    package init(files: [File], refusals: [Refusal], ignoredCount: Int = 0) {
        self.files = files
        self.refusals = refusals
        self.ignoredCount = ignoredCount
    }
}

extension TreeFilter: JSONCodable {
    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        root = try reader.string("root")
        suffixes = try reader.strings("suffixes")
        excluded = try reader.strings("excluded")
        ignoreFile = try reader.string("ignoreFile")
    }

    package var json: JSONValue {
        [
            "root": .string(root), "suffixes": .array(suffixes.map(JSONValue.string)),
            "excluded": .array(excluded.map(JSONValue.string)), "ignoreFile": .string(ignoreFile),
        ]
    }
}

extension TreeListing.Refusal: JSONCodable {
    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        path = try reader.string("path")
        reason = try reader.choice("reason")
        message = try reader.string("message")
    }

    package var json: JSONValue {
        ["path": .string(path), "reason": .string(reason.rawValue), "message": .string(message)]
    }
}
