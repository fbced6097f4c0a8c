import Assets
import HTTPTypes
import Hummingbird
import Mustache
import Runtime
import Telemetry

/// The templates, parsed once.
struct Pages: Sendable {
    private let library: MustacheLibrary

    /// Fails where a template is not one, which is a fault of the build.
    init() throws {
        var templates: [String: MustacheTemplate] = [:]
        for asset in Assets.dashboard where asset.path.hasSuffix(".mustache") {
            let file: Substring = asset.path.split(separator: "/").last ?? ""
            templates[String(file.dropLast(".mustache".count))] = try MustacheTemplate(string: asset.contents)
        }
        library = MustacheLibrary(templates: templates)
    }

    /// A whole page: the template's content within the layout.
    func page(_ title: String, _ template: String, _ view: Any, now: Timestamp) -> Response {
        let content: String = library.render(view, withTemplate: template) ?? ""
        let layout = LayoutView(
            title: title, content: content, now: Timestamp(milliseconds: now.milliseconds / 1000 * 1000).rfc3339,
            version: RuntimeVersion.current)
        return Self.html(library.render(layout, withTemplate: "layout") ?? "")
    }

    /// The page for who is not logged in. It needs no other template, so it comes even where those are broken.
    static func login(_ status: HTTPResponse.Status, _ message: String) -> Response {
        let text: String = (try? loginTemplate.get())?.render(LoginView(message: message)) ?? message
        return html(text, status)
    }

    private static let loginTemplate = Result {
        let asset = Assets.dashboard.first { $0.path.hasSuffix("login.mustache") }
        return try MustacheTemplate(string: asset?.contents ?? "{{message}}")
    }

    static func html(_ text: String, _ status: HTTPResponse.Status = .ok) -> Response {
        var headers: HTTPFields = [.contentType: "text/html; charset=utf-8", .cacheControl: "no-store"]
        // Everything comes from here; nothing inline runs.
        headers[.contentSecurityPolicy] =
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
            + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    /// The media type of a file that browsers fetch; nil for what is only a part of pages.
    static func mediaType(of name: String) -> String? {
        if name.hasSuffix(".css") { return "text/css; charset=utf-8" }
        if name.hasSuffix(".js") { return "text/javascript; charset=utf-8" }
        return name.hasSuffix(".svg") ? "image/svg+xml" : nil
    }
}
