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
            templates[String(file.dropLast(".mustache".count))] = try Self.template(asset.contents)
        }
        library = MustacheLibrary(templates: templates)
    }

    /// A whole page: the template's content within the layout.
    func page(
        _ title: String, _ template: String, _ view: Any, status: HTTPResponse.Status = .ok, now: Timestamp
    ) -> Response {
        let content: String = library.render(view, withTemplate: template) ?? ""
        let layout = LayoutView(
            title: title, content: content, now: Wording.second(now),
            version: RuntimeVersion.current)
        return Self.html(library.render(layout, withTemplate: "layout") ?? "", status)
    }

    /// The page for who is not logged in. It needs no other template, so it comes even where those are broken.
    static func login(_ status: HTTPResponse.Status, _ message: String) -> Response {
        let text: String = (try? loginTemplate.get())?.render(LoginView(message: message)) ?? message
        return html(text, status)
    }

    private static let loginTemplate = Result {
        let asset = Assets.dashboard.first { $0.path.hasSuffix("login.mustache") }
        return try template(asset?.contents ?? "{{message}}")
    }

    /// A template whose values are escaped by ``MarkupEscaping``.
    private static func template(_ text: String) throws -> MustacheTemplate {
        MustacheContentTypes.register(MarkupEscaping(), named: "MARKUP")
        return try MustacheTemplate(string: "{{% CONTENT_TYPE: MARKUP}}" + text)
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

/// Escapes sign by sign. The engine's own way goes by what Swift calls a character, where a `<` can be joined with its
/// neighbours (U+0600 before it is enough) and slips through.
private struct MarkupEscaping: MustacheContentType {
    func escapeText(_ text: String) -> String {
        var output = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "<": output += "&lt;"
            case ">": output += "&gt;"
            case "&": output += "&amp;"
            case "\"": output += "&quot;"
            case "'": output += "&#39;"
            default: output.unicodeScalars.append(scalar)
            }
        }
        return output
    }
}
