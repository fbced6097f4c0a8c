package import Declarations
package import Pipelines
package import Runtime

/// Opens the source of a pipeline. One per run.
package struct PipelineSources: Sendable {
    package typealias Open = @Sendable (PipelineSpec.Source) async throws(SourceError) -> any PipelineSource

    private let open: Open

    /// With sources of one's own; for tests.
    package init(open: @escaping Open) { self.open = open }

    /// The real ones.
    package init(secrets: Secrets) {
        open = { (source) async throws(SourceError) in
            switch source {
            case .file(let file): return FileSource(file)
            case .mongodb:
                throw SourceError(.misconfigured, "this program was built without MongoDB")
            }
        }
    }

    package func source(of spec: PipelineSpec) async throws(SourceError) -> any PipelineSource {
        try await open(spec.source)
    }
}

extension PipelineSpec.Source {
    /// What is read, as text: a position that belongs to another text is not used.
    package var identity: String {
        switch self {
        case .file(let file): "file \(file.path)"
        case .mongodb(let source):
            "mongodb \(source.uri ?? source.uriRef ?? "") \(source.database) \(source.collection) \(source.cursor)"
        }
    }
}
