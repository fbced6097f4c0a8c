import Glibc

/// Resolves `secretRef: NAME` on the machine that uses it, at the time of use: from systemd's credentials folder, else
/// from the component's own secrets folder.
package struct Secrets: Sendable {
    private let folders: [String]

    /// `credentials` is systemd's folder (`CREDENTIALS_DIRECTORY`), `folder` the component's own.
    package init(credentials: String? = ProcessEnvironment.value("CREDENTIALS_DIRECTORY"), folder: String?) {
        folders = [credentials, folder].compactMap { $0 }
    }

    /// The secret's text, without one trailing line feed.
    package func value(_ name: String) throws(SecretError) -> String {
        guard Self.isValidName(name) else { throw SecretError(name: name, reason: .invalidName) }
        for folder in folders {
            if let value = try Self.read("\(folder)/\(name)", name: name) { return value }
        }
        throw SecretError(name: name, reason: .missing(folders))
    }

    /// A file name, nothing that could lead out of the folder.
    package static func isValidName(_ name: String) -> Bool {
        guard let first = name.utf8.first, first != UInt8(ascii: "."), name.utf8.count <= 128 else { return false }
        return name.unicodeScalars.allSatisfy {
            $0.isASCII && ($0.properties.isAlphabetic || ("0"..."9").contains($0) || "-_.".unicodeScalars.contains($0))
        }
    }

    /// The secret in a file of its own, which not everybody may read.
    package static func value(ofFile path: String) throws(SecretError) -> String {
        guard let value = try read(path, name: path) else {
            throw SecretError(name: path, reason: .unreadable("there is no such file, or it cannot be reached"))
        }
        return value
    }

    private static func read(_ path: String, name: String) throws(SecretError) -> String? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        guard status.st_mode & 0o007 == 0 else { throw SecretError(name: name, reason: .readableByOthers(path)) }
        var text: String
        do { text = try Files.text(path, limit: 64 << 10) } catch {
            throw SecretError(name: name, reason: .unreadable("\(error)"))
        }
        if text.hasSuffix("\n") { text.removeLast() }
        guard !text.isEmpty else { throw SecretError(name: name, reason: .unreadable("\(path) is empty")) }
        return text
    }
}

/// Why a secret cannot be used. Never holds the secret.
package struct SecretError: Error, Hashable, Sendable, CustomStringConvertible {
    package var name: String
    package var reason: Reason

    package enum Reason: Hashable, Sendable {
        case invalidName
        case missing([String])
        case readableByOthers(String)
        case unreadable(String)
    }

    package var description: String {
        switch reason {
        case .invalidName: "\"\(name)\" is not the name of a secret: letters, digits, '-', '_' and '.' only"
        case .missing(let folders) where folders.isEmpty: "secret \"\(name)\": there is no secrets folder"
        case .missing(let folders): "secret \"\(name)\" is not in \(folders.joined(separator: " or "))"
        case .readableByOthers(let path): "secret \"\(name)\": everybody can read \(path); chmod o= it"
        case .unreadable(let why): "secret \"\(name)\": \(why)"
        }
    }
}
