import Telemetry

extension CollectorSpec {
    static let schema = ObjectSchema(
        [
            .required("source", .choice(Source.allCases.map(\.rawValue)), "What is collected."),
            .required("interval", .duration(.seconds(1) ... .days(1)), "Time between two collections."),
            .optional("hosts", .object(HostSelector.schema), "On which hosts; left out, on every host."),
            .optional(
                "priority", .integer(-1000...1000), default: 0,
                "Of two collectors of one source that select one host the higher wins, then the name that sorts first."),
            .optional(
                "labels",
                .map(keys: .labelName(reserved: ["host": "\"host\" is the host's own name"]), values: .labelValue),
                "Labels added to every series."),
            .optional(
                "exclude", .set(of: .glob, atLeast: 0),
                "What to leave out, as shell globs: devices, mount points, file-system types or names of metrics."),
            .optional(
                "top", .integer(0...50), default: 0,
                "Only for processes: so many programs that use most processor time, and most memory, are told by name."),
            .optional(
                "directory", .text(.folderPath), default: .string(usualDirectory),
                "Only for textfile: the folder whose files *.prom are read."),
        ],
        rules: [
            .only("top", where: "source", is: [Source.processes.rawValue]),
            .only("directory", where: "source", is: [Source.textfile.rawValue]),
        ])

    init(_ spec: NormalFormReader) {
        self.init(
            source: spec.choice("source"), interval: spec.duration("interval"),
            hosts: HostSelector(spec.object("hosts", HostSelector.schema)), priority: spec.integer("priority"),
            labels: spec.map("labels"), exclude: spec.texts("exclude"), top: spec.integer("top"),
            directory: spec.text("directory"))
    }
}

extension HostSelector {
    static let schema = ObjectSchema([
        .optional("names", .set(of: .hostGlob, atLeast: 0), "Host names or shell globs."),
        .optional("groups", .set(of: .reference(to: .hostGroup), atLeast: 0), "Names of HostGroups."),
        .optional(
            "labels", .map(keys: .labelName(), values: .labelValue),
            "Labels that a host must have, all of them: from its HostGroups, or facts of it (prefix fact_)."),
    ])

    init(_ selector: NormalFormReader) {
        self.init(names: selector.texts("names"), groups: selector.texts("groups"), labels: selector.map("labels"))
    }
}
