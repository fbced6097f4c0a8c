package import Declarations
package import Telemetry

/// A YAML file of settings as paths and texts (`repository.url`), overridden by variables (`PLUMB_REPOSITORY_URL`).
/// Every setting is asked for by its path; what nobody asked for is unknown and a problem, like everything that cannot
/// be read. All problems are found in one go.
package struct Settings {
    package private(set) var problems: [Diagnostic]
    private let file: String
    private let environment: (String) -> String?
    private var entries: [String: (text: String, mark: Mark)] = [:]
    private var lists: [String: (items: [(text: String, mark: Mark)], mark: Mark)] = [:]
    private var asked: Set<String> = []
    private var askedAsLists: Set<String> = []

    package init(
        file: String, documents: [ManifestDocument], problems: [Diagnostic], environment: @escaping (String) -> String?
    ) {
        self.file = file
        self.problems = problems
        self.environment = environment
        for document in documents.prefix(1) { add(document.root, path: "") }
        for document in documents.dropFirst() { complain(document.root.mark, "expected one document") }
    }

    private mutating func add(_ node: Node, path: String) {
        switch node {
        case .scalar(let text, let isPlain, let mark):
            if path.isEmpty {
                if !(isPlain && text.isEmpty) { complain(mark, "expected a mapping of settings") }
            } else if !(isPlain && (text.isEmpty || text == "null" || text == "~")) {
                entries[path] = (text, mark)
            }
        case .sequence(let items, let mark):
            guard !path.isEmpty else { return complain(mark, "expected a mapping of settings") }
            var texts: [(text: String, mark: Mark)] = []
            for item in items {
                guard case .scalar(let text, _, let place) = item, !text.isEmpty else {
                    complain(item.mark, "\(path): expected a text")
                    continue
                }
                texts.append((text, place))
            }
            lists[path] = (texts, mark)
        case .mapping(let members, _):
            var seen: Set<String> = []
            for (key, value) in members {
                guard case .scalar(let name, _, let mark) = key else {
                    complain(key.mark, "expected a name")
                    continue
                }
                guard seen.insert(name).inserted else {
                    complain(mark, "duplicate key \"\(name)\"")
                    continue
                }
                add(value, path: path.isEmpty ? name : "\(path).\(name)")
            }
        }
    }

    package mutating func optionalText(_ path: String) -> String? {
        asked.insert(path)
        return environment(Self.variable(path)) ?? entries[path]?.text
    }

    /// A list, or one text for a list of one; in a variable they stand behind each other with blanks or commas between.
    package mutating func texts(_ path: String) -> [String] {
        askedAsLists.insert(path)
        let single: String? = optionalText(path)
        if let variable = environment(Self.variable(path)) {
            return variable.split { $0 == "," || $0.isWhitespace }.map(String.init)
        }
        return lists[path]?.items.map(\.text) ?? single.map { [$0] } ?? []
    }

    /// The path of a file. A name without a slash is that of a credential which systemd gives the daemon
    /// (`LoadCredential=`); commands that people start find it where systemd keeps it for the daemon's unit.
    package mutating func file(_ path: String) -> String? {
        guard let text = optionalText(path) else { return nil }
        guard !text.contains("/") else { return text }
        return "\(environment("CREDENTIALS_DIRECTORY") ?? "/run/credentials/gitops-sync.service")/\(text)"
    }

    /// Where a setting stands, for messages that ask to change it: file and line, or its variable.
    package func place(of path: String) -> String {
        if environment(Self.variable(path)) != nil { return Self.variable(path) }
        return "\(file):\(mark(path).line)"
    }

    package mutating func text(_ path: String, default fallback: String) -> String { optionalText(path) ?? fallback }

    package mutating func requiredText(_ path: String) -> String {
        if let text = optionalText(path), !text.isEmpty { return text }
        complain(Mark(line: 1, column: 1), "\(path) is missing; it can also be given as \(Self.variable(path))")
        return ""
    }

    package mutating func duration(
        _ path: String, default fallback: PromDuration, in range: ClosedRange<PromDuration>
    ) -> PromDuration {
        guard let text = optionalText(path) else { return fallback }
        guard let duration = PromDuration(text), range.contains(duration) else {
            complain(
                mark(path),
                "\(path): expected a duration from \(range.lowerBound) to \(range.upperBound), got \"\(text)\"")
            return fallback
        }
        return duration
    }

    package mutating func integer(_ path: String, default fallback: Int, in range: ClosedRange<Int>) -> Int {
        guard let text = optionalText(path) else { return fallback }
        guard let number = Int(text), range.contains(number) else {
            complain(
                mark(path),
                "\(path): expected a whole number from \(range.lowerBound) to \(range.upperBound), got \"\(text)\"")
            return fallback
        }
        return number
    }

    package mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ path: String, default fallback: Choice
    ) -> Choice {
        guard let text = optionalText(path) else { return fallback }
        guard let choice = Choice(rawValue: text) else {
            let known: String = Choice.allCases.map(\.rawValue).joined(separator: " or ")
            complain(mark(path), "\(path): expected \(known), got \"\(text)\"")
            return fallback
        }
        return choice
    }

    package mutating func complain(about path: String, _ message: String) {
        complain(mark(path), "\(path): \(message)")
    }

    /// Reports every setting that was not asked for.
    package mutating func finish() {
        for (path, entry) in entries.sorted(by: { $0.key < $1.key }) where !asked.contains(path) {
            complain(entry.mark, "unknown setting \"\(path)\"")
        }
        for (path, list) in lists.sorted(by: { $0.key < $1.key }) where !askedAsLists.contains(path) {
            complain(list.mark, "\(path): a list is not expected here")
        }
        problems.sort()
    }

    private mutating func complain(_ mark: Mark, _ message: String) {
        problems.append(Diagnostic(file: file, mark: mark, message: message))
    }

    private func mark(_ path: String) -> Mark {
        entries[path]?.mark ?? lists[path]?.mark ?? Mark(line: 1, column: 1)
    }

    /// `repository.tokenFile` is `PLUMB_REPOSITORY_TOKEN_FILE`.
    package static func variable(_ path: String) -> String {
        var name = "PLUMB_"
        for character in path {
            if character == "." {
                name += "_"
            } else {
                if character.isUppercase { name += "_" }
                name += character.uppercased()
            }
        }
        return name
    }
}
