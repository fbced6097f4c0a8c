package import ArgumentParser
import Glibc
import PlatformClient
import Runtime

package struct SecretCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "secret", abstract: "Keep the secrets that manifests name with secretRef.",
        subcommands: [Set.self, List.self, Remove.self])

    package init() {}

    package struct Set: ParsableCommand {
        package static let configuration = CommandConfiguration(
            abstract: "Read a secret from standard input and keep it under a name.")

        @Argument(help: "The name that secretRef gives.")
        var name: String

        @OptionGroup var local: LocalOptions

        package init() {}

        package func validate() throws { try check(name) }

        package func run() throws {
            let directory: DataDirectory = try local.dataDirectory()
            if isatty(STDIN_FILENO) == 1 { StandardError.write("Type the secret, then Ctrl-D: ") }
            var text: String = try readAll()
            if text.hasSuffix("\n") { text.removeLast() }
            guard !text.isEmpty else { throw OperatorError("standard input was empty; nothing was kept") }
            try Files.write(text.utf8, to: "\(directory.secrets)/\(name)", mode: 0o600)
            StandardError.write("secret \(name) is kept in \(directory.secrets); it is used from now on\n")
        }

        /// Standard input up to the 64 KiB that a secret may have.
        private func readAll() throws -> String {
            var bytes: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                let count: Int = read(STDIN_FILENO, &buffer, buffer.count)
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { break }
                bytes += buffer[..<count]
                guard bytes.count <= 64 << 10 else { throw OperatorError("a secret has at most 64 KiB") }
            }
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw OperatorError("the secret is not UTF-8")
            }
            return text
        }
    }

    package struct List: ParsableCommand {
        package static let configuration = CommandConfiguration(abstract: "List the names; never the secrets.")

        @OptionGroup var local: LocalOptions

        package init() {}

        package func run() throws {
            let directory: DataDirectory = try local.dataDirectory()
            for name in Files.names(in: directory.secrets) where Secrets.isValidName(name) { StandardOutput.line(name) }
        }
    }

    package struct Remove: ParsableCommand {
        package static let configuration = CommandConfiguration(abstract: "Forget a secret.")

        @Argument(help: "Its name.")
        var name: String

        @OptionGroup var local: LocalOptions

        package init() {}

        package func validate() throws { try check(name) }

        package func run() throws {
            let path = "\(try local.dataDirectory().secrets)/\(name)"
            guard unlink(path) == 0 else { throw Files.failure("remove", path) }
        }
    }
}

private func check(_ name: String) throws {
    guard Secrets.isValidName(name) else {
        throw ValidationError("\"\(name)\" is not a name for a secret: letters, digits, '-', '_' and '.' only")
    }
}
