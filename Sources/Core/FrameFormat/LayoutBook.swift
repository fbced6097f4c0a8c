package import Telemetry

/// The sender's side of layouts: which lists of series there are, and which of them the server knows.
///
/// A sender keeps one book per server. It sends ``request(host:batches:)``'s body; on 2xx it calls ``delivered(_:)``, on
/// 409 ``forget(_:)`` with the answer's `unknownLayouts` and ``forget(references:)`` with its `unknownReferences`, and
/// sends the same batches again: the body then brings what was missing. What the server stored of the first attempt it
/// counts as duplicates of the second.
package struct LayoutBook: Sendable {
    private struct Layout: Sendable {
        var hash: LayoutHash
        var definition: LayoutDefinition
    }

    /// A body, and which layouts it defines.
    package struct Request: Sendable {
        package var body: [UInt8]
        package var defined: [LayoutHash]
        /// What the server keeps when it has taken the request.
        fileprivate var kept: [ReferenceFrame] = []
    }

    /// More lists than these are churn: the book begins anew.
    private static let mostLayouts = 1000

    private let sha256: @Sendable ([UInt8]) -> [UInt8]
    private var layouts: [[Series]: Layout] = [:]
    private var known: Set<LayoutHash> = []
    /// Nil where every frame is written as a whole.
    private var references: ReferenceBook?

    /// `refers` tells single frames from the last one of their source that was delivered: for who sends one request
    /// after the other. Such bodies are of version 2.
    package init(refers: Bool = false, sha256: @escaping @Sendable ([UInt8]) -> [UInt8]) {
        references = refers ? ReferenceBook() : nil
        self.sha256 = sha256
    }

    /// The body that carries batches of one host, with the definitions that the server is not known to have.
    package mutating func request(host: String, batches: [FrameBatch]) -> Request {
        var definitions: [LayoutDefinition] = []
        var defined: [LayoutHash] = []
        var items: [FrameRequestEncoder.Item] = []
        references?.begin()
        for batch in batches {
            let layout: Layout = layout(of: batch.series)
            if !known.contains(layout.hash), !defined.contains(layout.hash) {
                definitions.append(layout.definition)
                defined.append(layout.hash)
            }
            var item = FrameRequestEncoder.Item(batch: batch, layout: layout.hash)
            references?.complete(&item, isKnown: known.contains(layout.hash))
            items.append(item)
        }
        let (body, kept) = FrameRequestEncoder.body(
            host, definitions, items, references == nil ? .plain : .referring)
        return Request(body: body, defined: defined, kept: kept)
    }

    /// The body with every definition: what is complete in itself, for a file.
    package static func selfContained(
        host: String, batches: [FrameBatch], sha256: @escaping @Sendable ([UInt8]) -> [UInt8]
    ) -> [UInt8] {
        var book = LayoutBook(sha256: sha256)
        return book.request(host: host, batches: batches).body
    }

    /// The server has taken the request, and so its definitions.
    package mutating func delivered(_ request: Request) {
        known.formUnion(request.defined)
        references?.delivered(request.kept)
    }

    /// The server does not know these layouts: hashes in hexadecimal digits, as the answer gives them.
    package mutating func forget(_ hashes: some Sequence<String>) {
        for hash in hashes.compactMap(LayoutHash.init(hexadecimal:)) {
            known.remove(hash)
            references?.forget(hash)
        }
    }

    /// The server does not have these frames: their names in hexadecimal digits, as the answer gives them. It was started
    /// anew, mostly: it is told the lists of series again too.
    package mutating func forget(references names: some Sequence<String>) {
        let layouts: Set<LayoutHash> = references?.refused(Set(names.compactMap { UInt64($0, radix: 16) })) ?? []
        known.subtract(layouts)
    }

    /// Of a server that was replaced nothing is known.
    package mutating func forgetAll() {
        known = []
        references = references.map { _ in ReferenceBook() }
    }

    private mutating func layout(of series: [Series]) -> Layout {
        if let layout = layouts[series] { return layout }
        if layouts.count >= Self.mostLayouts {
            layouts = [:]
            forgetAll()
        }
        let definition = LayoutDefinition(series)
        let layout = Layout(hash: LayoutHash(definition.bytes, sha256: sha256), definition: definition)
        layouts[series] = layout
        return layout
    }
}

extension FrameRequest {
    /// The batches with their series, where the body is complete in itself: nil for a batch whose layout it does not
    /// define as series.
    package var frameBatches: [FrameBatch?] {
        var lists: [LayoutHash: [Series]] = [:]
        for (hash, definition) in definitions {
            guard let entries = try? definition.entries() else { continue }
            let series: [Series] = entries.compactMap(\.series)
            if series.count == entries.count { lists[hash] = series }
        }
        return batches.map { batch in
            guard let series = lists[batch.layout], series.count == batch.table.width else { return nil }
            return FrameBatch(
                source: Source(host: host, producer: batch.producer), series: series, frames: batch.table.frames)
        }
    }
}
