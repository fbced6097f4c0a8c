package import Declarations
package import Telemetry

/// Everything that a page shows, as it was at one moment. It is published as `data.json`, and read back when the
/// platform cannot be reached, so it holds what the public may read and nothing else: no query, no label.
package struct PageSnapshot: Hashable, Sendable {
    /// The StatusPage's name.
    package var page: String
    package var title: String
    package var description: String?
    package var url: String?
    package var links: [StatusPageSpec.Link]
    /// The moment that the data are of.
    package var at: Timestamp
    package var components: [MeasuredComponent]
    /// Newest first.
    package var incidents: [Incident]
    /// How many days back incidents were looked for.
    package var incidentDays: Int
    /// Nil where the page tells nothing of hosts.
    package var hosts: HostSummary?
    /// Nil where the page tells nothing of commits, or none was applied yet.
    package var commit: AppliedCommit?

    package init(
        page: String, title: String, description: String? = nil, url: String? = nil,
        links: [StatusPageSpec.Link] = [], at: Timestamp, components: [MeasuredComponent], incidents: [Incident],
        incidentDays: Int, hosts: HostSummary? = nil, commit: AppliedCommit? = nil
    ) {
        self.page = page
        self.title = title
        self.description = description
        self.url = url
        self.links = links
        self.at = at
        self.components = components
        self.incidents = incidents
        self.incidentDays = incidentDays
        self.hosts = hosts
        self.commit = commit
    }
}

extension PageSnapshot: JSONCodable {
    package init(json: JSONValue) throws(JSONFormError) {
        let reader = try JSONObjectReader(json)
        let version: Int = try reader.integer("version")
        guard version == 1 else { throw reader.error("version", "expected 1, got \(version)") }
        var links: [StatusPageSpec.Link] = []
        for item in try reader.array("links") {
            let link = try JSONObjectReader(item, path: "/links")
            links.append(StatusPageSpec.Link(title: try link.string("title"), url: try link.string("url")))
        }
        self.init(
            page: try reader.string("page"), title: try reader.string("title"),
            description: try reader.optionalString("description"), url: try reader.optionalString("url"), links: links,
            at: try reader.time("at"), components: try reader.list("components"),
            incidents: try reader.list("incidents"), incidentDays: try reader.integer("incidentDays"),
            hosts: try reader.optionalValue("hosts"), commit: try reader.optionalValue("commit"))
    }

    package var json: JSONValue {
        .object(compacting: [
            "version": 1, "page": .string(page), "title": .string(title),
            "description": description.map(JSONValue.string), "url": url.map(JSONValue.string),
            "links": .array(links.map { ["title": .string($0.title), "url": .string($0.url)] }), "at": .time(at),
            "components": components.json, "incidents": incidents.json, "incidentDays": .integer(incidentDays),
            "hosts": hosts?.json, "commit": commit?.json,
        ])
    }
}
