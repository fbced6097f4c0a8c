package import Assets
import Mustache

/// Mustache templates, parsed once; values are escaped for HTML and XML by ``MarkupEscaping``.
package struct TemplateLibrary: Sendable {
    private let library: MustacheLibrary

    /// The `.mustache` files among `assets`, each under its file's name without the ending. Fails where one is no
    /// template, which is a fault of the build.
    package init(_ assets: [Asset]) throws {
        MustacheContentTypes.register(MarkupEscaping(), named: "MARKUP")
        var templates: [String: MustacheTemplate] = [:]
        for asset in assets where asset.path.hasSuffix(".mustache") {
            let file: Substring = asset.path.split(separator: "/").last ?? ""
            templates[String(file.dropLast(".mustache".count))] = try MustacheTemplate(
                string: "{{% CONTENT_TYPE: MARKUP}}" + asset.contents)
        }
        library = MustacheLibrary(templates: templates)
    }

    /// The template `name` filled with `view`, whose stored properties are read by mirror. Empty where there is no such
    /// template.
    package func render(_ name: String, _ view: Any) -> String { library.render(view, withTemplate: name) ?? "" }
}
