/// What one log line says.
package struct LogLine: Hashable, Sendable {
    /// When it was written, as the line says, else when it was read.
    package var time: Timestamp
    package var level: LogLevel
    /// Without NUL characters, which PostgreSQL cannot hold.
    package var message: String
    /// What the line holds beside these, as the text of a JSON object.
    package var fields: String

    package static let noFields = "{}"

    package init(time: Timestamp, level: LogLevel, message: String, fields: String = LogLine.noFields) {
        self.time = time
        self.level = level
        self.message = message
        self.fields = fields
    }
}

/// Where log lines come from.
package struct LogOrigin: Hashable, Sendable {
    /// The LogSource, or what a simple client calls itself.
    package var source: String
    /// The file; empty where there is none.
    package var path: String
    package var labels: Labels

    package init(source: String, path: String = "", labels: Labels = .none) {
        self.source = source
        self.path = path
        self.labels = labels
    }
}

/// A run of lines of one file, in order. What makes a line the same line is the stream and its place in it.
package struct LogStreamBatch: Hashable, Sendable {
    /// The agent's name for the file, for as long as the file holds the same content.
    package var stream: String
    package var origin: LogOrigin
    /// In ascending order of place.
    package var lines: [PlacedLine]
    /// Where the run ends: the place of the first byte that is not of it. What lies between lines is skipped.
    package var end: Int

    package struct PlacedLine: Hashable, Sendable {
        /// Of the line's first byte, from the file's beginning.
        package var place: Int
        /// Nil where the line cannot be stored: its place counts, its content does not.
        package var line: LogLine?

        package init(place: Int, line: LogLine?) {
            self.place = place
            self.line = line
        }
    }

    package init(stream: String, origin: LogOrigin, lines: [PlacedLine], end: Int) {
        self.stream = stream
        self.origin = origin
        self.lines = lines
        self.end = end
    }
}

extension LogStreamBatch {
    /// What is new in the batch for one who has everything before `position`, and how far that one is afterwards.
    ///
    /// A line that begins before the position and ends behind it was cut differently when it was sent before (an
    /// unfinished last line). Nothing from it on can be told apart, so the sender has to begin anew at `position`.
    package func news(after position: Int) -> (lines: [PlacedLine], duplicates: Int, position: Int) {
        guard position < end else { return ([], lines.count, position) }
        let known: Int = lines.firstIndex { $0.place >= position } ?? lines.count
        let next: Int = known < lines.count ? lines[known].place : end
        guard known == 0 || next == position else { return ([], known - 1, position) }
        return (Array(lines[known...]), known, end)
    }
}
