import Subprocess
import SystemPackage

/// A certificate for 127.0.0.1, signed by itself and made anew for each test by `openssl`, which Debian's
/// ca-certificates brings.
package struct TestCertificate: Sendable {
    /// PEM files in the folder.
    package let certificate: String
    package let key: String

    package static func make(in folder: TemporaryFolder) async throws -> TestCertificate {
        let made = TestCertificate(certificate: folder("cert.pem"), key: folder("key.pem"))
        let result = try await Subprocess.run(
            .name("openssl"),
            arguments: [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-subj", "/CN=plumbline-test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", made.key, "-out",
                made.certificate,
            ], output: .discarded, error: .string(limit: 1 << 16))
        guard result.terminationStatus.isSuccess else {
            throw TestSupportError("openssl made no certificate: \(result.standardError)")
        }
        return made
    }
}
