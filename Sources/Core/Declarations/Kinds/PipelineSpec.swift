package import Telemetry

/// Where application events come from, and how their documents become events.
package struct PipelineSpec: Hashable, Sendable {
    package var source: Source
    package var mapping: Mapping
    /// Time between two runs; nil: only when asked for.
    package var every: PromDuration?
    /// Documents of one page, which is one transaction.
    package var batchSize: Int
    /// A run that takes longer stops after its page; the next one goes on.
    package var maxRunTime: PromDuration
    /// Bytes of an event's payload and meta; more is a dead letter.
    package var maxPayloadBytes: Int

    package enum Source: Hashable, Sendable {
        case mongodb(MongoDB)
        case file(File)
    }

    /// A collection whose documents carry in `statusField` whether they wait.
    package struct MongoDB: Hashable, Sendable {
        /// The server's address without user name and password; exclusive with `uriRef`.
        package var uri: String?
        /// The name of a secret that holds the address.
        package var uriRef: String?
        package var database: String
        package var collection: String
        /// The name of a top-level field or a dotted path.
        package var statusField: String
        /// A document waits if its status is one of these.
        package var pending: [String]
        /// Whether a document without the status field waits too.
        package var missingIsPending: Bool
        /// What the status becomes once the document's event is stored.
        package var processed: String
        /// Whether to mark documents at all; if not, runs go on behind the greatest `cursor` read.
        package var acknowledge: Bool
        /// The field by which documents are read in ascending order; ties by `_id`.
        package var cursor: String

        package init(
            uri: String? = nil, uriRef: String? = nil, database: String, collection: String,
            statusField: String = "status", pending: [String] = ["ingested"], missingIsPending: Bool = false,
            processed: String = "processed", acknowledge: Bool = true, cursor: String = "_id"
        ) {
            self.uri = uri
            self.uriRef = uriRef
            self.database = database
            self.collection = collection
            self.statusField = statusField
            self.pending = pending
            self.missingIsPending = missingIsPending
            self.processed = processed
            self.acknowledge = acknowledge
            self.cursor = cursor
        }
    }

    /// Files of newline-delimited JSON that grow at their end.
    package struct File: Hashable, Sendable {
        /// An absolute path; the last component may be a shell glob.
        package var path: String

        package init(path: String) { self.path = path }
    }

    package init(
        source: Source, mapping: Mapping, every: PromDuration? = nil, batchSize: Int = 500,
        maxRunTime: PromDuration = .minutes(5), maxPayloadBytes: Int = 4 << 20
    ) {
        self.source = source
        self.mapping = mapping
        self.every = every
        self.batchSize = batchSize
        self.maxRunTime = maxRunTime
        self.maxPayloadBytes = maxPayloadBytes
    }
}

extension PipelineSpec {
    /// Where in a document the parts of its event are.
    package struct Mapping: Hashable, Sendable {
        package var time: Time
        package var source: Field
        package var type: Field
        package var payload: Body
        package var meta: Body
        /// Nil: the event's id is the document's.
        package var id: Field?
        package var host: Field?

        package init(
            time: Time = Time(), source: Field, type: Field, payload: Body, meta: Body, id: Field? = nil,
            host: Field? = nil
        ) {
            self.time = time
            self.source = source
            self.type = type
            self.payload = payload
            self.meta = meta
            self.id = id
            self.host = host
        }
    }

    /// A text of the event.
    package struct Field: Hashable, Sendable {
        /// RFC 6901 pointers; the first that leads to a value counts.
        package var from: [String]
        /// Taken where none does; nil: the document becomes a dead letter.
        package var fallback: String?

        package init(from: [String] = [], fallback: String? = nil) {
            self.from = from
            self.fallback = fallback
        }
    }

    package struct Time: Hashable, Sendable {
        package var from: [String]
        /// What numbers count since 1970.
        package var numbers: Numbers
        package var missing: Missing

        package enum Numbers: String, CaseIterable, Hashable, Sendable { case refused, seconds, milliseconds }
        package enum Missing: String, CaseIterable, Hashable, Sendable {
            /// A document without a time becomes a dead letter.
            case deadLetter
            /// It gets the time at which it was read.
            case received
        }

        package init(
            from: [String] = ["/timestamp"], numbers: Numbers = .refused, missing: Missing = .deadLetter
        ) {
            self.from = from
            self.numbers = numbers
            self.missing = missing
        }
    }

    /// An object of the event.
    package struct Body: Hashable, Sendable {
        package var from: [String]
        /// Top-level members that are left out.
        package var omit: [String]
        /// Whether a document in which no pointer leads to an object becomes a dead letter; else the body is empty.
        package var required: Bool

        package init(from: [String], omit: [String] = [], required: Bool = false) {
            self.from = from
            self.omit = omit
            self.required = required
        }
    }
}
