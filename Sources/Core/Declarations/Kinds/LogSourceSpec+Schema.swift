import Telemetry

extension LogSourceSpec {
    static let schema = ObjectSchema(
        [
            .optional(
                "files", .set(of: .pathGlob, atLeast: 1),
                "Shell globs of absolute paths: * and ? match within one name, ** any number of folders."),
            .optional("exclude", .set(of: .pathGlob, atLeast: 0), "Globs of paths that are left out."),
            .optional(
                "journal", .set(of: .glob, atLeast: 1),
                "Globs of systemd units whose entries of the journal are read; \"*\" reads the kernel's too."),
            .optional(
                "containers", .set(of: .glob, atLeast: 1),
                "Globs of names of containers whose output, as Docker or a CRI runtime keeps it in files, is read."),
            .optional(
                "parser", .choice(Parser.allCases.map(\.rawValue)), default: "auto",
                "How lines are understood; auto decides line by line."),
            .optional(
                "multiline", .object(Multiline.schema),
                "Which lines belong together. Left out, each line is an entry of its own."),
            .optional(
                "from", .choice(Start.allCases.map(\.rawValue)), default: "beginning",
                "Where to begin in what is there when the source is first obeyed on a host. Files that come later are read "
                    + "from their beginning."),
            .optional(
                "maxLineBytes", .integer(256...65536), default: .integer(usualLineBytes),
                "Bytes of a line that are kept; the rest of a longer one is cut off."),
            .optional("hosts", .object(HostSelector.schema), "On which hosts; left out, on every host."),
            .optional(
                "priority", .integer(-1000...1000), default: 0,
                "A file that several LogSources name is read by the one with the highest priority, then the name that "
                    + "sorts first."),
            .optional(
                "labels",
                .map(
                    keys: .labelName(reserved: [
                        "host": "\"host\" is the host's own name", "source": "\"source\" is the LogSource's name",
                        "path": "\"path\" is the file's", "level": "\"level\" is the line's",
                    ]), values: .labelValue), "Labels added to every line."),
        ],
        rules: [
            .anyOf(["files", "journal", "containers"]), .atMostOne("files", "journal"),
            .atMostOne("files", "containers"), .atMostOne("journal", "containers"), .atMostOne("exclude", "journal"),
            .atMostOne("exclude", "containers"), .atMostOne("journal", "multiline"),
        ])

    init(_ spec: NormalFormReader) {
        self.init(
            files: spec.texts("files"), exclude: spec.texts("exclude"), journal: spec.texts("journal"),
            containers: spec.texts("containers"), parser: spec.choice("parser"),
            multiline: Multiline(spec.object("multiline", Multiline.schema)), from: spec.choice("from"),
            maxLineBytes: spec.integer("maxLineBytes"),
            hosts: HostSelector(spec.object("hosts", HostSelector.schema)), priority: spec.integer("priority"),
            labels: spec.map("labels"))
    }
}

extension LogSourceSpec.Multiline {
    static let schema = ObjectSchema(
        [
            .optional(
                "start", .text(.regularExpression),
                "A regular expression in RE2's syntax: an entry begins with a line in which it matches somewhere, and "
                    + "all others continue the entry above."),
            .optional(
                "stacktrace", .bool, default: false,
                "Join stack traces of Java, Python, Go, Rust and JavaScript, and indented lines, to the line above."),
            .optional(
                "maxLines", .integer(2...5000), default: .integer(usualLines),
                "An entry is closed when it has so many lines, or 64 KiB; what follows is another."),
            .optional(
                "wait", .duration(.milliseconds(100) ... .minutes(1)), default: "1s",
                "The last entry of a file is closed when nothing came for so long."),
        ],
        rules: [.exactlyOne("start", "stacktrace")])

    /// Nil where nothing is to be joined.
    init?(_ spec: NormalFormReader) {
        let rule: Rule? = spec.optionalText("start").map(Rule.start) ?? (spec.bool("stacktrace") ? .stacktrace : nil)
        guard let rule else { return nil }
        self.init(rule, maxLines: spec.integer("maxLines"), wait: spec.duration("wait"))
    }
}
