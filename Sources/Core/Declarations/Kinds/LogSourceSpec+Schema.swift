import Telemetry

extension LogSourceSpec {
    static let schema = ObjectSchema([
        .required(
            "files", .set(of: .pathGlob, atLeast: 1),
            "Shell globs of absolute paths: * and ? match within one name, ** any number of folders."),
        .optional("exclude", .set(of: .pathGlob, atLeast: 0), "Globs of paths that are left out."),
        .optional(
            "parser", .choice(Parser.allCases.map(\.rawValue)), default: "auto",
            "How lines are understood; auto decides line by line."),
        .optional(
            "from", .choice(Start.allCases.map(\.rawValue)), default: "beginning",
            "Where to begin in files that are there when the source is first obeyed on a host. Files that come later "
                + "are read from their beginning."),
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
    ])

    init(_ spec: NormalFormReader) {
        self.init(
            files: spec.texts("files"), exclude: spec.texts("exclude"), parser: spec.choice("parser"),
            from: spec.choice("from"), maxLineBytes: spec.integer("maxLineBytes"),
            hosts: HostSelector(spec.object("hosts", HostSelector.schema)), priority: spec.integer("priority"),
            labels: spec.map("labels"))
    }
}
