import Assets
import HTTPTypes
import Hummingbird
import Runtime
import Telemetry
import Templates

/// The pages, from their templates.
struct Pages: Sendable {
    private let templates: TemplateLibrary
    private let warning: @Sendable () -> String?

    /// Fails where a template is not one, which is a fault of the build.
    init(warning: @escaping @Sendable () -> String? = { nil }) throws {
        self.warning = warning
        templates = try TemplateLibrary(Assets.dashboard)
    }

    /// A whole page: the template's content within the layout. One that `isLive` is fetched again every few seconds.
    func page(
        _ title: String, _ template: String, _ view: Any, status: HTTPResponse.Status = .ok, now: Timestamp,
        isLive: Bool = true
    ) -> Response {
        let content: String = templates.render(template, view)
        let layout = LayoutView(
            title: title, content: content, now: Wording.second(now),
            version: RuntimeVersion.current, isLive: isLive, warning: warning())
        return Self.html(templates.render("layout", layout), status)
    }

    /// The page for who is not logged in. It needs no other template, so it comes even where those are broken.
    static func login(_ status: HTTPResponse.Status, _ message: String) -> Response {
        let text: String = (try? loginTemplate.get())?.render("login", LoginView(message: message)) ?? message
        return html(text, status)
    }

    private static let loginTemplate = Result {
        try TemplateLibrary(Assets.dashboard.filter { $0.path.hasSuffix("/login.mustache") })
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
