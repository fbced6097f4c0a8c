/// What one document says, as far as that needs no other: it stays true while the document stays the same.
package struct ReadDocument: Sendable {
    let file: String
    let mark: Mark
    let problems: [Diagnostic]
    /// Known once kind and name are right, whatever else is wrong.
    let key: ResourceKey?
    let nameMark: Mark
    let references: [(key: ResourceKey, mark: Mark)]
    /// Nil where something is wrong.
    let resource: Declaration?
}

extension ResourceDecoder {
    /// Reads a document by itself; nil for one of comments only, as between two `---`.
    package func read(_ document: ManifestDocument) -> ReadDocument? {
        var found: [Problem] = []
        let source = SourceValue(document.root, problems: &found)
        if case .null = source.content { return nil }
        let mark: Mark = document.root.mark
        var reader = DocumentReader(source, self)
        let read: DocumentReader.Document? = reader.read()
        found += reader.problems
        var resource: Declaration?
        if let key = reader.key, let read, found.isEmpty {
            resource = Declaration(
                decoded(key, read.spec), annotations: read.annotations, file: document.file, mark: mark)
        }
        return ReadDocument(
            file: document.file, mark: mark,
            problems: found.map {
                Diagnostic(file: document.file, mark: $0.place.mark ?? mark, message: $0.message)
            }, key: reader.key, nameMark: reader.namePlace?.mark ?? mark,
            references: reader.references.map { ($0.key, $0.place.mark ?? mark) }, resource: resource)
    }
}

extension Place {
    fileprivate var mark: Mark? { if case .mark(let mark) = self { mark } else { nil } }
}
