package import Pipelines

/// A place where documents wait to become events: a document store's collection, files.
///
/// Who reads holds the pipeline's lease, so a source sees one reader at a time; it need not claim documents itself. Each
/// call ends by itself within a bounded time, with an error where the other side does not answer, and stops early when
/// its task is cancelled.
package protocol PipelineSource: Sendable {
    /// Whether read documents can be marked at the source. If so, every run begins at the first document that is not
    /// marked (`position` nil); if not, runs go on where the last one was committed.
    var acknowledges: Bool { get }

    /// The next documents in the source's order behind `position` (nil: from the beginning), at most `limit`, and fewer
    /// where they are large. None when nothing more waits.
    func page(after position: String?, limit: Int) async throws(SourceError) -> SourcePage

    /// Marks documents as done, so that they are never read again. Called after their events are committed, or their
    /// dead letters. Marking one that is marked already is no error. Gives how many were newly marked.
    func acknowledge(_ ids: [DocumentID]) async throws(SourceError) -> Int

    /// What waits behind `position`, or what is not marked.
    func backlog(after position: String?) async throws(SourceError) -> SourceBacklog

    /// Ends connections. No call comes after it.
    func close() async
}
