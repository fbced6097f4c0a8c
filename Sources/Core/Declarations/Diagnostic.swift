/// A problem in a manifest, where it is, and what would be right.
package struct Diagnostic: Error, Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The path below the configured root, as git spells it.
    package var file: String
    /// From 1. Columns count characters.
    package var mark: Mark
    package var message: String

    package init(file: String, mark: Mark, message: String) {
        self.file = file
        self.mark = mark
        self.message = message
    }

    /// `path:line:column: message`.
    package var description: String { "\(file):\(mark.line):\(mark.column): \(message)" }

    package static func < (left: Diagnostic, right: Diagnostic) -> Bool {
        (left.file, left.mark.line, left.mark.column, left.message)
            < (right.file, right.mark.line, right.mark.column, right.message)
    }
}

/// A place in a text: line and column from 1.
package struct Mark: Hashable, Sendable {
    package var line: Int
    package var column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }
}

extension Diagnostic: JSONCodable {
    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        file = try reader.string("file")
        mark = Mark(line: try reader.integer("line"), column: try reader.integer("column"))
        message = try reader.string("message")
    }

    package var json: JSONValue {
        [
            "file": .string(file), "line": .integer(mark.line), "column": .integer(mark.column),
            "message": .string(message),
        ]
    }
}
