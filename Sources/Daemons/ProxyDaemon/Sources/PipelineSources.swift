package import Declarations
import MongoStore
package import Pipelines
package import Runtime

/// Opens the source of a pipeline. One per run.
package struct PipelineSources: Sendable {
    package typealias Open = @Sendable (PipelineSpec.Source) async throws(SourceError) -> any PipelineSource

    private let makeSource: Open

    /// With sources of one's own; for tests.
    package init(_ makeSource: @escaping Open) { self.makeSource = makeSource }

    /// The real ones.
    package init(secrets: Secrets) {
        makeSource = { (source) async throws(SourceError) in
            switch source {
            case .file(let file): return FileSource(file)
            case .mongodb(let collection): return try Self.mongo(collection, secrets)
            }
        }
    }

    private static func mongo(
        _ spec: PipelineSpec.MongoDB, _ secrets: Secrets
    ) throws(SourceError) -> any PipelineSource {
        #if MongoDB
            var uri: String = spec.uri ?? ""
            if let name = spec.uriRef {
                // Read at each run: a changed secret needs no restart.
                do { uri = try secrets.value(name) } catch { throw SourceError(.misconfigured, error.description) }
            }
            return try MongoSource(uri: uri, spec: spec)
        #else
            throw SourceError(
                .misconfigured, "this program was built without MongoDB; build it with the package trait MongoDB")
        #endif
    }

    package func source(of spec: PipelineSpec) async throws(SourceError) -> any PipelineSource {
        try await makeSource(spec.source)
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
