import Glibc

/// A user of the operating system.
package struct OSUser: Hashable, Sendable {
    package var name: String
    package var id: UInt32
    package var group: UInt32

    package init(name: String, id: UInt32, group: UInt32) {
        self.name = name
        self.id = id
        self.group = group
    }

    package init?(named name: String) {
        guard let entry = getpwnam(name) else { return nil }
        self.init(entry.pointee)
    }

    package init?(id: UInt32) {
        guard let entry = getpwuid(id) else { return nil }
        self.init(entry.pointee)
    }

    private init(_ entry: passwd) {
        self.init(name: String(cString: entry.pw_name), id: entry.pw_uid, group: entry.pw_gid)
    }

    /// The command that runs `words` as this user, without root's groups: `setpriv` of util-linux, which becomes the
    /// program. swift-subprocess can change the user too, but its child is made by a bare clone(2), after which glibc's
    /// setgroups() waits for threads that are not there: now and then it never ends.
    package func command(_ words: [String]) -> [String] {
        ["/usr/bin/setpriv", "--reuid=\(id)", "--regid=\(group)", "--init-groups", "--"] + words
    }

    /// The first directory on the way to `path` that this user may not pass, with its mode; nil where the way is free.
    package func obstacle(to path: String) -> (directory: String, mode: UInt32)? {
        var folder = ""
        for part in path.split(separator: "/") {
            let checked: String = folder.isEmpty ? "/" : folder
            var status = stat()
            if stat(checked, &status) == 0, !mayPass(status) { return (checked, status.st_mode & 0o7777) }
            folder += "/\(part)"
        }
        return nil
    }

    private func mayPass(_ status: stat) -> Bool {
        if status.st_uid == id { return status.st_mode & S_IXUSR != 0 }
        if status.st_gid == group { return status.st_mode & S_IXGRP != 0 }
        return status.st_mode & S_IXOTH != 0
    }
}
