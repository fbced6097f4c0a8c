#if MongoDB
    import CLibmongoc

    /// One client of libmongoc and the collection that it is for, freed when it goes out of scope. Not thread-safe, like
    /// the library's single client: it lives in one actor. Connects at the first call.
    @safe struct MongoHandle: ~Copyable {
        private let client: OpaquePointer
        private let collection: OpaquePointer
        /// Where the server is, for error texts: without user name and password.
        let place: String

        /// Once for the process; never stopped, as other threads may still be in the library when the process ends.
        private static let started: Void = plumbline_mongo_start()

        init(
            uri text: String, database: String, collection name: String, timeouts: MongoTimeouts
        ) throws(MongoFailure) {
            Self.started
            var error = bson_error_t()
            guard let uri = unsafe mongoc_uri_new_with_error(text, &error) else {
                // The library's text quotes from the address, which can hold a password.
                throw MongoFailure(origin: .address, code: 0, message: "the address cannot be read")
            }
            defer { unsafe mongoc_uri_destroy(uri) }
            unsafe Self.setTimeouts(timeouts, of: uri)
            guard let client = unsafe mongoc_client_new_from_uri_with_error(uri, &error) else {
                // Of a mongodb+srv address the name is looked up here.
                throw MongoFailure(copying: &error)
            }
            unsafe mongoc_client_set_error_api(client, Int32(MONGOC_ERROR_API_VERSION_2))
            unsafe mongoc_client_set_appname(client, "plumb-proxy")
            guard let collection = unsafe mongoc_client_get_collection(client, database, name) else {
                unsafe mongoc_client_destroy(client)
                throw MongoFailure(origin: .usage, code: 0, message: "no memory for a collection")
            }
            place = unsafe Self.hosts(of: uri)
            unsafe self.client = client
            unsafe self.collection = collection
        }

        deinit {
            unsafe mongoc_collection_destroy(collection)
            unsafe mongoc_client_destroy(client)
        }

        /// For handles that may not be there: `handle?.perform { … }`.
        borrowing func perform<Value>(
            _ body: (borrowing MongoHandle) throws(MongoFailure) -> Value
        ) throws(MongoFailure) -> Value { try body(self) }

        /// Gives the documents one after the other, as bytes, until `take` says that it has enough.
        borrowing func find(
            _ filter: BSONElement, options: BSONElement, take: ([UInt8]) -> Bool
        ) throws(MongoFailure) {
            let filter = DocumentHandle(copying: filter)
            let options = DocumentHandle(copying: options)
            let cursor = unsafe CursorHandle(
                adopting: mongoc_collection_find_with_opts(collection, filter.pointer, options.pointer, nil))
            while let document = try cursor.next() { guard take(document) else { return } }
        }

        /// Changes all documents that match; gives how many are different now.
        borrowing func updateMany(_ filter: BSONElement, _ update: BSONElement) throws(MongoFailure) -> Int {
            let filter = DocumentHandle(copying: filter)
            let update = DocumentHandle(copying: update)
            var error = bson_error_t()
            var modified: Int64 = 0
            guard
                unsafe plumbline_mongo_update_many(
                    collection, filter.pointer, update.pointer, &modified, &error)
            else { throw MongoFailure(copying: &error) }
            return Int(modified)
        }

        borrowing func count(_ filter: BSONElement, options: BSONElement) throws(MongoFailure) -> Int {
            let filter = DocumentHandle(copying: filter)
            let options = DocumentHandle(copying: options)
            var error = bson_error_t()
            let count: Int64 = unsafe mongoc_collection_count_documents(
                collection, filter.pointer, options.pointer, nil, nil, &error)
            guard count >= 0 else { throw MongoFailure(copying: &error) }
            return Int(count)
        }

        private static func setTimeouts(_ timeouts: MongoTimeouts, of uri: OpaquePointer) {
            let longest: Int32 = MongoTimeouts.longest.wholeMilliseconds
            let options: [(name: String, value: Duration)] = [
                (MONGOC_URI_SERVERSELECTIONTIMEOUTMS, timeouts.serverSelection),
                (MONGOC_URI_CONNECTTIMEOUTMS, timeouts.connect), (MONGOC_URI_SOCKETTIMEOUTMS, timeouts.socket),
            ]
            for option in options {
                let ours: Int32 = option.value.wholeMilliseconds
                let asked: Int32 = unsafe mongoc_uri_get_option_as_int32(uri, option.name, ours)
                // Zero is "for ever" there.
                unsafe mongoc_uri_set_option_as_int32(uri, option.name, (1...longest).contains(asked) ? asked : longest)
            }
        }

        private static func hosts(of uri: OpaquePointer) -> String {
            if let name = unsafe mongoc_uri_get_srv_hostname(uri) {
                return unsafe "mongodb+srv://\(String(cString: name))"
            }
            var names: [String] = []
            var host: UnsafePointer<mongoc_host_list_t>? = unsafe mongoc_uri_get_hosts(uri)
            while let current = unsafe host {
                unsafe names.append(String(cString: plumbline_mongo_host(current)))
                unsafe host = UnsafePointer(current.pointee.next)
            }
            return "mongodb://\(names.joined(separator: ","))"
        }
    }

    /// A document in the library's own memory, where its alignment is right.
    @safe private struct DocumentHandle: ~Copyable {
        let pointer: OpaquePointer

        init(copying document: BSONElement) {
            precondition(document.type == .document || document.type == .array, "only documents stand alone")
            let made: OpaquePointer? = unsafe document.content.withUnsafeBufferPointer { bytes in
                unsafe bson_new_from_data(bytes.baseAddress, bytes.count)
            }
            guard let made = unsafe made else { preconditionFailure("a document that is none was made here") }
            unsafe pointer = made
        }

        deinit { unsafe bson_destroy(pointer) }
    }

    @safe private struct CursorHandle: ~Copyable {
        private let cursor: OpaquePointer?

        init(adopting cursor: OpaquePointer?) { unsafe self.cursor = cursor }

        /// The server is told too, where documents are left.
        deinit { unsafe mongoc_cursor_destroy(cursor) }

        /// The next document's bytes; nil behind the last. Waits for the server where a new batch is needed.
        borrowing func next() throws(MongoFailure) -> [UInt8]? {
            var document: OpaquePointer?
            guard unsafe mongoc_cursor_next(cursor, &document), let found = unsafe document else {
                var error = bson_error_t()
                if unsafe mongoc_cursor_error(cursor, &error) { throw MongoFailure(copying: &error) }
                return nil
            }
            let length = Int(unsafe plumbline_bson_length(found))
            return unsafe Array(UnsafeBufferPointer(start: bson_get_data(found), count: length))
        }
    }

    extension MongoFailure {
        fileprivate init(copying error: inout bson_error_t) {
            let message: String = unsafe withUnsafePointer(to: &error) { pointer in
                unsafe String(cString: plumbline_bson_error_text(pointer))
            }
            self.init(origin: Self.origin(of: error), code: Int32(bitPattern: error.code), message: message)
        }

        private static func origin(of error: bson_error_t) -> Origin {
            switch mongoc_error_domain_t(error.domain) {
            case MONGOC_ERROR_SERVER_SELECTION, MONGOC_ERROR_STREAM: .connection
            case MONGOC_ERROR_CLIENT where error.code == MONGOC_ERROR_CLIENT_AUTHENTICATE.rawValue: .authentication
            case MONGOC_ERROR_SASL, MONGOC_ERROR_SCRAM: .authentication
            case MONGOC_ERROR_PROTOCOL: .reply
            case MONGOC_ERROR_SERVER, MONGOC_ERROR_WRITE_CONCERN: .server
            default: .usage
            }
        }
    }
#endif
