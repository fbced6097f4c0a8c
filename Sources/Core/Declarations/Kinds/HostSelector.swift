/// Which hosts a resource is for: those that any of `names` or `groups` selects and all of `labels` match.
package struct HostSelector: Hashable, Sendable {
    /// Host names or shell globs; empty with `groups` empty means every host.
    package var names: [String]
    /// Names of HostGroups.
    package var groups: [String]
    /// Labels that the host must have from its HostGroups (facts of the host have the prefix `fact_`).
    package var labels: [String: String]

    package static let all = HostSelector(names: [], groups: [], labels: [:])

    package init(names: [String], groups: [String], labels: [String: String]) {
        self.names = names
        self.groups = groups
        self.labels = labels
    }
}
