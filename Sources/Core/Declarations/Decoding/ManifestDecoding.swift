import Telemetry

extension ResourceDecoder {
    /// Decodes the documents of a commit: all of them, or everything that is wrong with any of them. `problems` are
    /// those found before, while reading the files. The order of documents means nothing.
    package func declare(
        _ documents: [ManifestDocument], problems: [Diagnostic] = []
    ) -> Result<DesiredState, Diagnostics> { declare(documents.compactMap(read), problems: problems) }

    /// The same of documents that were read before.
    package func declare(
        _ documents: [ReadDocument], problems: [Diagnostic] = []
    ) -> Result<DesiredState, Diagnostics> {
        var set = DeclaredSet()
        let ordered: [ReadDocument] = documents.sorted { left, right in
            left.file != right.file
                ? left.file.utf8.lexicographicallyPrecedes(right.file.utf8) : left.mark.isBefore(right.mark)
        }
        for document in ordered { set.add(document) }
        // Where reading a file already failed at a place, what decoding says of it is only its echo.
        let known: Set<Location> = Set(problems.map { Location($0) })
        set.problems.removeAll { known.contains(Location($0)) }
        set.problems += problems
        // A file that could not be read may hold what others name.
        if problems.isEmpty { set.checkReferences() }
        set.checkRetentions()
        set.checkLiveness()
        set.checkUnits()
        guard set.problems.isEmpty else { return .failure(Diagnostics(set.problems)) }
        return .success(DesiredState(resources: set.resources, sha256: sha256))
    }
}

extension DesiredState {
    fileprivate init(resources: [ResourceKey: Declaration], sha256: SHA256Function) {
        self.resources = resources
        digest = setDigest(of: resources.values.map { ($0.key, $0.digest) }, sha256: sha256)
    }
}

private struct Location: Hashable {
    let file: String
    let mark: Mark

    init(_ diagnostic: Diagnostic) { (file, mark) = (diagnostic.file, diagnostic.mark) }
}

extension Mark {
    fileprivate func isBefore(_ other: Mark) -> Bool { (line, column) < (other.line, other.column) }
}

/// The set of resources as it grows document by document.
private struct DeclaredSet {
    var problems: [Diagnostic] = []
    var resources: [ResourceKey: Declaration] = [:]
    /// Every key that is declared, also by a resource with a faulty spec, with its place.
    private var places: [ResourceKey: (file: String, mark: Mark)] = [:]
    private var references: [(key: ResourceKey, file: String, mark: Mark)] = []

    mutating func add(_ document: ReadDocument) {
        problems += document.problems
        references += document.references.map { ($0.key, document.file, $0.mark) }
        guard let key = document.key, declare(key, document.nameMark, document.file) else { return }
        resources[key] = document.resource
    }

    private mutating func declare(_ key: ResourceKey, _ mark: Mark, _ file: String) -> Bool {
        guard let first = places[key] else {
            places[key] = (file, mark)
            return true
        }
        let place = "\(first.file):\(first.mark.line):\(first.mark.column)"
        problems.append(Diagnostic(file: file, mark: mark, message: "\(key) is declared already, at \(place)"))
        return false
    }

    mutating func checkReferences() {
        for (key, file, mark) in references where places[key] == nil {
            let names: [String] = places.keys.filter { $0.kind == key.kind }.map(\.name).sorted()
            let hint: String = suggestion(for: key.name, among: names)
            problems.append(
                Diagnostic(
                    file: file, mark: mark, message: "there is no \(key.kind.rawValue) named \(quoted(key.name))\(hint)"
                ))
        }
    }

    private func inOrder(_ kind: ResourceKind) -> [Declaration] {
        resources.values.filter { $0.key.kind == kind }
            .sorted { ($0.file, $0.mark.line, $0.mark.column) < ($1.file, $1.mark.line, $1.mark.column) }
    }

    /// A host that is well must not be stale between two of its signs of life: its status reports and its samples.
    /// Which collectors run where is not known here, so the shortest interval of all stands for each host's: a group
    /// that could work is never refused.
    mutating func checkLiveness() {
        let intervals: [PromDuration] = inOrder(.collector).compactMap {
            if case .collector(let collector) = $0.typedSpec { collector.interval } else { nil }
        }
        let gap: PromDuration = intervals.reduce(HostGroupSpec.statusInterval, min)
        for declared in inOrder(.hostGroup) {
            guard case .hostGroup(let group) = declared.typedSpec, group.staleAfter <= gap else { continue }
            problems.append(
                Diagnostic(
                    file: declared.file, mark: declared.mark,
                    message:
                        "\(declared.key): \"staleAfter\" (\(group.staleAfter)) must be longer than \(gap), the time "
                        + "between two signs of life of a host that is well; raise it, or collect more often"))
        }
    }

    /// A unit has one resource: of two that say different things, one would undo the other.
    mutating func checkUnits() {
        var first: [String: Declaration] = [:]
        for declared in inOrder(.unit) {
            guard case .unit(let spec) = declared.typedSpec else { continue }
            guard let earlier = first[spec.unit] else {
                first[spec.unit] = declared
                continue
            }
            problems.append(
                Diagnostic(
                    file: declared.file, mark: declared.mark,
                    message:
                        "the unit \(spec.unit) is declared already: \(earlier.key), at "
                        + "\(earlier.file):\(earlier.mark.line):\(earlier.mark.column)"))
        }
    }

    /// A dataset has one retention for all of it: of two, which one holds would be a guess.
    mutating func checkRetentions() {
        var first: [RetentionSpec.Dataset: Declaration] = [:]
        for declared in inOrder(.retention) {
            guard case .retention(let retention) = declared.typedSpec, retention.matchers.isEmpty else { continue }
            guard let earlier = first[retention.dataset] else {
                first[retention.dataset] = declared
                continue
            }
            problems.append(
                Diagnostic(
                    file: declared.file, mark: declared.mark,
                    message:
                        "the dataset \"\(retention.dataset.rawValue)\" has a retention already: \(earlier.key), at "
                        + "\(earlier.file):\(earlier.mark.line):\(earlier.mark.column)"))
        }
    }
}
