/// What a public status page shows. `plumb-page` reads it from the server and writes the page.
package struct StatusPageSpec: Hashable, Sendable {
    package var title: String
    /// A sentence below the title.
    package var description: String?
    /// Where the page is published, without a slash at its end; the links of the feed begin with it.
    package var url: String?
    package var components: [Component]
    package var incidents: Incidents
    package var hosts: Hosts
    package var commit: Commit
    package var links: [Link]

    /// One thing that is up or not.
    package struct Component: Hashable, Sendable {
        /// The measured days of a component are kept under its name.
        package var name: String
        package var description: String?
        /// A heading above the components that share it.
        package var group: String?
        /// PromQL. Up where every value of its result is other than zero, down where all are zero, else partly down.
        package var query: String
        /// What a result without any value means.
        package var empty: Empty

        package enum Empty: String, CaseIterable, Hashable, Sendable { case unknown, down, up }

        package init(
            name: String, description: String? = nil, group: String? = nil, query: String, empty: Empty = .unknown
        ) {
            self.name = name
            self.description = description
            self.group = group
            self.query = query
            self.empty = empty
        }
    }

    /// Which alerts of the past are shown as incidents.
    package struct Incidents: Hashable, Sendable {
        package var days: Int
        /// Labels with globs that all must match; `alertname` and `severity` are labels too.
        package var matchers: [String: String]
        /// What the public reads instead of a rule's name.
        package var titles: [String: String]

        package init(days: Int = 30, matchers: [String: String] = [:], titles: [String: String] = [:]) {
            self.days = days
            self.matchers = matchers
            self.titles = titles
        }
    }

    /// What the page tells of hosts.
    package enum Hosts: String, CaseIterable, Hashable, Sendable { case none, count, names }

    /// What the page tells of the commit that is applied.
    package enum Commit: String, CaseIterable, Hashable, Sendable { case none, id, full }

    package struct Link: Hashable, Sendable {
        package var title: String
        package var url: String

        package init(title: String, url: String) {
            self.title = title
            self.url = url
        }
    }

    package init(
        title: String, description: String? = nil, url: String? = nil, components: [Component],
        incidents: Incidents = Incidents(), hosts: Hosts = .count, commit: Commit = .id, links: [Link] = []
    ) {
        self.title = title
        self.description = description
        self.url = url
        self.components = components
        self.incidents = incidents
        self.hosts = hosts
        self.commit = commit
        self.links = links
    }
}
