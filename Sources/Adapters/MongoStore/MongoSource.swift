#if MongoDB
    package import Declarations
    package import Pipelines
    import Runtime

    /// A collection of MongoDB whose documents wait to become events.
    ///
    /// Reads documents whose status field says that they wait, in the order of the cursor field, and marks those that are
    /// done by changing the status, each only while it still waits. Every call blocks the source's own thread, never the
    /// cooperative pool, and ends within the timeouts. A connection that broke is replaced at the next call.
    package actor MongoSource: PipelineSource {
        private let executor: BlockingExecutor
        private let spec: PipelineSpec.MongoDB
        private let uri: String
        private let timeouts: MongoTimeouts
        private let query: PendingQuery
        private let address: MongoAddress
        private var handle: MongoHandle?

        package nonisolated let acknowledges: Bool

        package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

        /// A page ends behind the document that makes it longer than this, so that 500 documents of 16 MiB are never in
        /// memory together.
        static let pageBytes = 16 << 20
        /// Ids of one update: with long ids a command would pass the server's limit of 16 MiB.
        static let idsOfOneUpdate = 1000

        /// `uri` is the whole address, `mongodb://` or `mongodb+srv://`, with user name and password where they are
        /// needed; it appears in no text. Connects at the first call.
        package init(
            uri: String, spec: PipelineSpec.MongoDB, timeouts: MongoTimeouts = MongoTimeouts()
        ) throws(SourceError) {
            if spec.acknowledge, spec.pending.contains(spec.processed) {
                throw SourceError(
                    .misconfigured,
                    "\"\(spec.processed)\" is both processed and pending: documents would be read for ever; take it out of pending"
                )
            }
            executor = BlockingExecutor(name: "mongo")
            self.uri = uri
            self.spec = spec
            self.timeouts = timeouts
            query = PendingQuery(spec)
            address = MongoAddress(uri)
            acknowledges = spec.acknowledge
            handle = nil
        }

        package func page(after position: String?, limit: Int) throws(SourceError) -> SourcePage {
            let place: PagePosition? = try place(position)
            var page = SourcePage(documents: [], position: position ?? "")
            var bytes = 0
            var problem: SourceError?
            let options: BSONElement = options([
                ("sort", query.sort), ("limit", .int64(Int64(limit))), ("batchSize", .int32(Int32(clamping: limit))),
            ])
            try find(query.waiting(behind: place), options) { document in
                do throws(SourceError) {
                    let (read, behind) = try read(document)
                    page.documents.append(read)
                    page.position = behind.text
                } catch { problem = error }
                bytes += document.count
                return problem == nil && bytes < Self.pageBytes && !Task.isCancelled
            }
            // What was read before it is good, and marked before this comes up again.
            if let problem, page.documents.isEmpty { throw problem }
            if page.documents.isEmpty, Task.isCancelled { throw SourceError(.unreachable, "stopped while reading") }
            return page
        }

        package func acknowledge(_ ids: [DocumentID]) throws(SourceError) -> Int {
            guard acknowledges else { return 0 }
            var marked = 0
            var rest: ArraySlice<DocumentID> = ids[...]
            while !rest.isEmpty {
                var elements: [BSONElement] = []
                for id in rest.prefix(Self.idsOfOneUpdate) { elements.append(try Self.element(id)) }
                rest = rest.dropFirst(Self.idsOfOneUpdate)
                let filter: BSONElement = .document(query.waiting(among: elements))
                let mark: BSONElement = query.mark
                marked += try call("mark documents of") { handle throws(MongoFailure) in
                    try handle.updateMany(filter, mark)
                }
            }
            return marked
        }

        package func backlog(after position: String?) throws(SourceError) -> SourceBacklog {
            // What is not marked waits wherever it stands: with an id below others, say, that were read already.
            let place: PagePosition? = acknowledges ? nil : try place(position)
            let filter: BSONElement = .document(query.waiting(behind: place))
            let options: BSONElement = options([])
            let count: Int = try call("count documents of") { handle throws(MongoFailure) in
                try handle.count(filter, options: options)
            }
            return SourceBacklog(documents: count, oldestSeconds: count == 0 ? nil : try oldest(behind: place))
        }

        package func close() { handle = nil }

        // MARK: Reading

        private func read(_ bytes: [UInt8]) throws(SourceError) -> (SourceDocument, PagePosition) {
            guard let id = BSONScanner.element(at: "_id", in: bytes[...]) else {
                throw SourceError(
                    .failed,
                    "\(name) has a document without a readable _id; a view is no source unless it keeps _id")
            }
            let cursor: BSONElement? =
                spec.cursor == "_id" ? nil : BSONScanner.element(at: spec.cursor, in: bytes[...]) ?? .null
            return (SourceDocument(bson: bytes, id: id), PagePosition(cursor: cursor, id: id))
        }

        /// The time of the oldest waiting document: of its cursor field if that is a date, else of its ObjectId.
        private func oldest(behind place: PagePosition?) throws(SourceError) -> Double? {
            var first: [UInt8]?
            let take: ([UInt8]) -> Bool = { document in
                first = document
                return false
            }
            let fields: [(key: String, value: BSONElement)] = [
                ("_id", .int32(1)), (spec.cursor, .int32(1)),
            ]
            let projection: BSONElement = .document(spec.cursor == "_id" ? Array(fields.prefix(1)) : fields)
            let options: BSONElement = options([
                ("sort", query.sort), ("limit", .int64(1)), ("projection", projection),
            ])
            // Sorted by _id, texts come before ObjectIds; they say nothing of their age.
            let filter: PendingQuery.Members =
                spec.cursor == "_id" && place == nil ? query.waitingWithObjectID : query.waiting(behind: place)
            try find(filter, options, take: take)
            guard let first else { return nil }
            if let cursor = BSONScanner.element(at: spec.cursor, in: first[...]), cursor.type == .date {
                return Double(Int64(littleEndian: cursor.content)) / 1000
            }
            guard let id = BSONScanner.element(at: "_id", in: first[...]), id.type == .objectID else { return nil }
            return Double(UInt32(littleEndian: id.content.prefix(4).reversed()))
        }

        private func place(_ position: String?) throws(SourceError) -> PagePosition? {
            guard let position, !position.isEmpty else { return nil }
            guard let place = PagePosition(text: position) else {
                throw SourceError(.misconfigured, "the place to go on in \(name) cannot be read: \(position)")
            }
            return place
        }

        private static func element(_ id: DocumentID) throws(SourceError) -> BSONElement {
            guard let json = try? JSONValue(parsing: Array(id.sourceForm.utf8)),
                let element = BSONElement(extendedJSON: json)
            else { throw SourceError(.failed, "not an _id that this source gave: \(id.sourceForm)") }
            return element
        }

        private func options(_ members: [(key: String, value: BSONElement)]) -> BSONElement {
            .document(members + [("maxTimeMS", .int64(Int64(timeouts.query.wholeMilliseconds)))])
        }

        private func find(
            _ filter: PendingQuery.Members, _ options: BSONElement, take: ([UInt8]) -> Bool
        ) throws(SourceError) {
            let filter: BSONElement = .document(filter)
            try call("read") { handle throws(MongoFailure) in try handle.find(filter, options: options, take: take) }
        }

        // MARK: Calling

        private var name: String { "\(spec.database).\(spec.collection)" }

        /// One call of the library, on a connection that is made if there is none.
        private func call<Value>(
            _ operation: String, _ body: (borrowing MongoHandle) throws(MongoFailure) -> Value
        ) throws(SourceError) -> Value {
            var place: String = "mongodb"
            do throws(MongoFailure) {
                if handle == nil {
                    handle = try MongoHandle(
                        uri: uri, database: spec.database, collection: spec.collection, timeouts: timeouts)
                }
                place = handle?.place ?? place
                guard let value = try handle?.perform(body) else { preconditionFailure("a connection was made above") }
                return value
            } catch {
                // What is left of a broken connection would make the next call wait, or answer with an old reply.
                if error.breaksConnection { handle = nil }
                throw sourceError(error, "cannot \(operation) \(name) at \(place)")
            }
        }

        private func sourceError(_ failure: MongoFailure, _ beginning: String) -> SourceError {
            let text: String = address.redacted(failure.message)
            return SourceError(failure.kind, "\(beginning): \(text); \(failure.remedy)")
        }
    }
#endif
