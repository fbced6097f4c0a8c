import Assets
import Declarations
import Runtime
package import Telemetry
import Templates

/// Turns a page's data into its files. A function of its arguments: the same data give the same bytes.
package struct PageRenderer: Sendable {
    private let templates: TemplateLibrary

    /// Fails where a template is not one, which is a fault of the build.
    package init() throws { templates = try TemplateLibrary(Assets.page) }

    package static let dataFile = "data.json"

    /// The files by name. `unreachableAt` says that these are the last data of a platform that did not answer then.
    package func files(_ snapshot: PageSnapshot, unreachableAt: Timestamp? = nil) -> [String: [UInt8]] {
        let view = PageView(snapshot, unreachableAt: unreachableAt, version: RuntimeVersion.current)
        var files: [String: [UInt8]] = [
            "index.html": Array(templates.render("index", view).utf8),
            "history.html": Array(templates.render("history", view).utf8),
            "incidents.atom": Array(templates.render("feed", FeedView(snapshot)).utf8),
            "status.json": text(Self.status(snapshot, unreachableAt: unreachableAt)),
            Self.dataFile: text(snapshot.json),
        ]
        for asset in Assets.page where !asset.path.hasSuffix(".mustache") {
            files[String(asset.path.split(separator: "/").last ?? "")] = asset.bytes
        }
        return files
    }

    private func text(_ json: JSONValue) -> [UInt8] { json.canonical + [UInt8(ascii: "\n")] }

    /// For programs: how everything is now, without the days.
    static func status(_ snapshot: PageSnapshot, unreachableAt: Timestamp?) -> JSONValue {
        let summary = StatusSummary(snapshot)
        return .object(compacting: [
            "version": 1, "page": .string(snapshot.page), "title": .string(snapshot.title),
            "status": .string(summary.state),
            "description": .string(summary.headline), "at": .time(snapshot.at), "fresh": .bool(unreachableAt == nil),
            "unreachableAt": unreachableAt.map(JSONValue.time),
            "components": .array(
                snapshot.components.map {
                    .object(compacting: [
                        "name": .string($0.name), "group": $0.group.map(JSONValue.string),
                        "state": .string($0.state.rawValue),
                    ])
                }),
            "incidents": .array(snapshot.incidents.filter { $0.end == nil }.map(\.json)),
        ])
    }
}

/// The feed of incidents (RFC 4287).
struct FeedView {
    var title: String
    var id: String
    var updated: String
    /// With a slash at its end; empty where the page does not know its address, and links are relative.
    var base: String
    var entries: [IncidentView]

    private static let mostEntries = 50

    init(_ snapshot: PageSnapshot) {
        title = snapshot.title
        id = "urn:plumbline:page:\(snapshot.page)"
        base = snapshot.url.map { $0.hasSuffix("/") ? $0 : $0 + "/" } ?? ""
        entries = snapshot.incidents.prefix(Self.mostEntries).map { IncidentView($0, now: snapshot.at) }
        // The feed is as new as the newest thing in it: fetching it again must not make readers mark it unread.
        updated = (snapshot.incidents.map { $0.end ?? $0.start }.max() ?? snapshot.at.floored(to: .days(1))).rfc3339
    }
}
