import Telemetry

extension PipelineSpec {
    static let schema = ObjectSchema([
        .required("source", .object(Source.schema), "Where documents wait: mongodb or file."),
        .required("mapping", .object(Mapping.schema), "Where in a document the parts of its event are."),
        .optional(
            "every", .duration(.seconds(1) ... .days(30)),
            "Time between two runs. Left out: it runs only when asked for."),
        .optional(
            "batchSize", .integer(1...10_000), default: 500, "Documents of one page, which is one transaction."),
        .optional(
            "maxRunTime", .duration(.seconds(1) ... .days(1)), default: "5m",
            "A run that takes longer stops after its page; the next one goes on."),
        .optional(
            "maxPayloadBytes", .integer(1024...(16 << 20)), default: .integer(4 << 20),
            "Bytes of an event's payload and meta together. A document with more becomes a dead letter."),
    ])

    init(_ spec: NormalFormReader) {
        self.init(
            source: Source(spec.object("source", Source.schema)),
            mapping: Mapping(spec.object("mapping", Mapping.schema)),
            every: spec.isPresent("every") ? spec.duration("every") : nil, batchSize: spec.integer("batchSize"),
            maxRunTime: spec.duration("maxRunTime"), maxPayloadBytes: spec.integer("maxPayloadBytes"))
    }
}

extension PipelineSpec.Source {
    static let schema = ObjectSchema(
        [
            .optional(
                "mongodb", .object(PipelineSpec.MongoDB.schema), "A collection whose documents say whether they wait."),
            .optional("file", .object(PipelineSpec.File.schema), "Files of newline-delimited JSON."),
        ],
        rules: [.exactlyOne("mongodb", "file")])

    init(_ source: NormalFormReader) {
        if source.isPresent("mongodb") {
            self = .mongodb(PipelineSpec.MongoDB(source.object("mongodb", PipelineSpec.MongoDB.schema)))
        } else {
            self = .file(PipelineSpec.File(path: source.object("file", PipelineSpec.File.schema).text("path")))
        }
    }
}

extension PipelineSpec.File {
    static let schema = ObjectSchema([
        .required(
            "path", .text(.filePattern),
            "An absolute path; the last component may be a shell glob. Files grow at their end, a line is a document.")
    ])
}

extension PipelineSpec.MongoDB {
    static let schema = ObjectSchema(
        [
            .optional(
                "uri", .text(.mongoURI), isSensitive: true, "The server's address, without user name and password."),
            .optional("uriRef", .text(.secretName), "The name of a secret that holds the server's address."),
            .required("database", .text(.mongoDatabase), "The database's name."),
            .required("collection", .text(.mongoCollection), "The collection's name."),
            .optional(
                "statusField", .text(.mongoField), default: "status", "The field that says whether a document waits."),
            .optional(
                "pending", .set(of: .eventText, atLeast: 1), default: ["ingested"],
                "A document waits if its status is one of these."),
            .optional(
                "missingIsPending", .bool, default: false, "Whether a document without the status field waits too."),
            .optional(
                "processed", .text(.eventText), default: "processed",
                "What the status becomes once the document's event is stored."),
            .optional(
                "acknowledge", .bool, default: true,
                "Whether documents are marked. If not, runs go on behind the greatest cursor that was read."),
            .optional(
                "cursor", .text(.mongoField), default: "_id",
                "The field by which documents are read in ascending order; ties by _id."),
        ],
        rules: [.exactlyOne("uri", "uriRef")])

    init(_ source: NormalFormReader) {
        self.init(
            uri: source.optionalText("uri"), uriRef: source.optionalText("uriRef"), database: source.text("database"),
            collection: source.text("collection"), statusField: source.text("statusField"),
            pending: source.texts("pending"), missingIsPending: source.bool("missingIsPending"),
            processed: source.text("processed"), acknowledge: source.bool("acknowledge"),
            cursor: source.text("cursor"))
    }
}

extension PipelineSpec.Mapping {
    static let schema = ObjectSchema([
        .optional("time", .object(PipelineSpec.Time.schema), "When it happened."),
        .required("source", .object(PipelineSpec.Field.schema), "Who says so: a site, an application."),
        .required("type", .object(PipelineSpec.Field.schema), "What kind of event it is."),
        .optional("payload", .object(PipelineSpec.Body.schema(from: "/payload")), "What the event says."),
        .optional("meta", .object(PipelineSpec.Body.schema(from: "/meta")), "What is said about the event."),
        .optional(
            "id", .object(PipelineSpec.Field.schema),
            "What tells it from all others of its source. Left out: the document's own id."),
        .optional("host", .object(PipelineSpec.Field.schema), "The host where it happened."),
    ])

    init(_ mapping: NormalFormReader) {
        let field: (String) -> PipelineSpec.Field = {
            PipelineSpec.Field(mapping.object($0, PipelineSpec.Field.schema))
        }
        self.init(
            time: PipelineSpec.Time(mapping.object("time", PipelineSpec.Time.schema)), source: field("source"),
            type: field("type"),
            payload: PipelineSpec.Body(mapping.object("payload", PipelineSpec.Body.schema(from: "/payload"))),
            meta: PipelineSpec.Body(mapping.object("meta", PipelineSpec.Body.schema(from: "/meta"))),
            id: mapping.isPresent("id") ? field("id") : nil, host: mapping.isPresent("host") ? field("host") : nil)
    }
}

extension PipelineSpec.Field {
    static let schema = ObjectSchema(
        [
            .optional(
                "from", .list(of: .text(.documentPointer)), "JSON Pointers; the first that leads to a value counts."),
            .optional(
                "default", .text(.eventText),
                "Taken where none leads to a value. Left out: the document becomes a dead letter."),
        ],
        rules: [.atLeastOne("from", "default")])

    init(_ field: NormalFormReader) { self.init(from: field.texts("from"), fallback: field.optionalText("default")) }
}

extension PipelineSpec.Time {
    static let schema = ObjectSchema([
        .optional(
            "from", .list(of: .text(.documentPointer)), default: ["/timestamp"],
            "JSON Pointers; the first that leads to a value counts. Dates, and texts in RFC 3339."),
        .optional(
            "numbers", .choice(Numbers.allCases.map(\.rawValue)), default: "refused",
            "What a number counts since 1970: seconds, milliseconds, or refused."),
        .optional(
            "missing", .choice(Missing.allCases.map(\.rawValue)), default: "deadLetter",
            "What becomes of a document without a time: deadLetter, or received (the time at which it was read)."),
    ])

    init(_ time: NormalFormReader) {
        self.init(from: time.texts("from"), numbers: time.choice("numbers"), missing: time.choice("missing"))
    }
}

extension PipelineSpec.Body {
    /// `pointer` is where it is looked for unless the spec says otherwise.
    static func schema(from pointer: JSONValue) -> ObjectSchema {
        ObjectSchema([
            .optional(
                "from", .list(of: .text(.documentPointer)), default: [pointer],
                "JSON Pointers; the first that leads to an object counts. \".\" is the whole document."),
            .optional("omit", .set(of: .eventText, atLeast: 0), "Top-level members that are left out."),
            .optional(
                "required", .bool, default: false,
                "Whether a document in which no pointer leads to an object becomes a dead letter."),
        ])
    }

    init(_ body: NormalFormReader) {
        self.init(from: body.texts("from"), omit: body.texts("omit"), required: body.bool("required"))
    }
}
