import Declarations
import Pipelines
import Runtime
import Synchronization
import Telemetry

/// A document store in memory that behaves: documents wait until they are marked, and failures can be ordered.
final class BufferSource: PipelineSource {
    struct State {
        var documents: [(document: SourceDocument, isMarked: Bool)] = []
        var pageFailures: [SourceError] = []
        var acknowledgeFailures: [SourceError] = []
        /// How often a document was given out.
        var reads = 0
        var isHeld = false
    }

    let state = Mutex(State())
    let acknowledges = true

    func add(_ json: String, id: String) throws {
        let value = DocumentValue(extended: try JSONValue(parsing: json))
        let document = SourceDocument(
            id: DocumentID(.string(id), sourceForm: "\"\(id)\""), body: .value(value))
        state.withLock { $0.documents.append((document, false)) }
    }

    var waiting: Int { state.withLock { $0.documents.count { !$0.isMarked } } }

    func page(after position: String?, limit: Int) async throws(SourceError) -> SourcePage {
        while state.withLock({ $0.isHeld }) {
            do { try await Task.sleep(for: .milliseconds(5)) } catch {
                throw SourceError(.unreachable, "cancelled")
            }
        }
        return try state.withLock { (state) throws(SourceError) in
            if !state.pageFailures.isEmpty { throw state.pageFailures.removeFirst() }
            let start: Int = position.flatMap { Int($0) } ?? 0
            var documents: [SourceDocument] = []
            var end: Int = start
            for (index, item) in state.documents.enumerated().dropFirst(start) where documents.count < limit {
                if !item.isMarked { documents.append(item.document) }
                end = index + 1
            }
            state.reads += documents.count
            return SourcePage(documents: documents, position: "\(end)")
        }
    }

    func acknowledge(_ ids: [DocumentID]) async throws(SourceError) -> Int {
        try state.withLock { (state) throws(SourceError) in
            if !state.acknowledgeFailures.isEmpty { throw state.acknowledgeFailures.removeFirst() }
            let wanted: Set<DocumentID> = Set(ids)
            var marked = 0
            for index in state.documents.indices
            where wanted.contains(state.documents[index].document.id) && !state.documents[index].isMarked {
                state.documents[index].isMarked = true
                marked += 1
            }
            return marked
        }
    }

    func backlog(after position: String?) async throws(SourceError) -> SourceBacklog {
        SourceBacklog(documents: waiting, oldestSeconds: waiting > 0 ? 1_700_000_000 : nil)
    }

    func close() async {}
}
