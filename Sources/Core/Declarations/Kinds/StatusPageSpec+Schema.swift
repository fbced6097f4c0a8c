extension StatusPageSpec {
    static let schema = ObjectSchema(
        [
            .required("title", .text(.line), "The page's heading."),
            .optional("description", .text(.paragraph), "A sentence below the heading."),
            .optional(
                "url", .text(.webURL), "Where the page is published; the links of the feed of incidents begin with it."),
            .required("components", .list(of: .object(Component.schema)), "What is up or not, in the page's order."),
            .optional("incidents", .object(Incidents.schema), "Which alerts of the past are shown as incidents."),
            .optional(
                "hosts", .choice(Hosts.allCases.map(\.rawValue)), default: "count",
                "What is told of hosts: none, how many report (count), or each with its name."),
            .optional(
                "commit", .choice(Commit.allCases.map(\.rawValue)), default: "id",
                "What is told of the applied commit: none, its id and time, or author and subject too (full)."),
            .optional("links", .list(of: .object(Link.schema)), "Links below the heading."),
        ], rules: [.unique("components", by: "name")])

    init(_ spec: NormalFormReader) {
        self.init(
            title: spec.text("title"), description: spec.optionalText("description"), url: spec.optionalText("url"),
            components: spec.objects("components", Component.schema).map(Component.init),
            incidents: Incidents(spec.object("incidents", Incidents.schema)), hosts: spec.choice("hosts"),
            commit: spec.choice("commit"), links: spec.objects("links", Link.schema).map(Link.init))
    }
}

extension StatusPageSpec.Component {
    static let schema = ObjectSchema([
        .required(
            "name", .text(.line), "What the public calls it; unique on the page. Measured days are kept under it."),
        .optional("description", .text(.paragraph), "A sentence for the public."),
        .optional("group", .text(.line), "A heading above the components that share it."),
        .required(
            "query", .expression,
            "PromQL. Up where every value is other than zero, down where all are zero, else partly down."),
        .optional(
            "empty", .choice(Empty.allCases.map(\.rawValue)), default: "unknown",
            "What a result without values means. A comparison without bool yields none where it is false: use bool."),
    ])

    init(_ component: NormalFormReader) {
        self.init(
            name: component.text("name"), description: component.optionalText("description"),
            group: component.optionalText("group"), query: component.text("query"), empty: component.choice("empty"))
    }
}

extension StatusPageSpec.Incidents {
    static let schema = ObjectSchema([
        .optional("days", .integer(1...365), default: 30, "How many days back."),
        .optional(
            "matchers", .map(keys: .labelName(), values: .glob),
            "Labels with shell globs, all of which an alert must match; alertname and severity are labels too."),
        .optional(
            "titles", .map(keys: .resourceName, values: .line), "What the public reads instead of a rule's name."),
    ])

    init(_ incidents: NormalFormReader) {
        self.init(
            days: incidents.integer("days"), matchers: incidents.map("matchers"), titles: incidents.map("titles"))
    }
}

extension StatusPageSpec.Link {
    static let schema = ObjectSchema([
        .required("title", .text(.line), "The link's text."), .required("url", .text(.webURL), "Where it leads."),
    ])

    init(_ link: NormalFormReader) { self.init(title: link.text("title"), url: link.text("url")) }
}
