extension NotifierSpec {
    static let schema = ObjectSchema(
        [
            .required("type", .choice(Kind.allCases.map(\.rawValue)), "The receiver's protocol."),
            .optional(
                "url", .text(.webURL), isSensitive: true,
                "The receiver's address, where it holds no secret; else use secretRef."),
            .optional("secretRef", .text(.secretName), "The name of a secret that holds the receiver's address."),
            .optional(
                "signingSecretRef", .text(.secretName),
                "The name of a secret with which each body is signed (HMAC-SHA256, header Plumb-Signature)."),
            .optional(
                "default", .bool, default: false,
                "Whether it gets what names no notifier: host down, a stalled reconciler, refusals."),
            .optional("sendResolved", .bool, default: true, "Whether it is told when an alert is over."),
        ],
        rules: [.exactlyOne("url", "secretRef")])

    init(_ spec: NormalFormReader) {
        self.init(
            type: spec.choice("type"), url: spec.optionalText("url"), secretRef: spec.optionalText("secretRef"),
            signingSecretRef: spec.optionalText("signingSecretRef"), isDefault: spec.bool("default"),
            sendResolved: spec.bool("sendResolved"))
    }
}
