/// The hooks of the local config repository. They are plain shell, written again at each start, and hold nothing but
/// the way to `gitops-sync`: what is valid is decided in one place.
///
/// What a hook prints goes into the output of the push. Nothing of the pushed commit is ever executed.
package struct HookScripts: Hashable, Sendable {
    /// Absolute paths.
    package var sync: String
    package var syncConfig: String
    package var repository: String
    package var branch: String
    /// What holds for this start, whatever the bootstrap config says.
    package var environment: [String: String]

    package init(
        sync: String, syncConfig: String, repository: String, branch: String, environment: [String: String] = [:]
    ) {
        self.sync = sync
        self.syncConfig = syncConfig
        self.repository = repository
        self.branch = branch
        self.environment = environment
    }

    package var all: [(name: String, text: String)] { [("pre-receive", preReceive), ("post-receive", postReceive)] }

    private var head: String {
        """
        #!/bin/sh
        # Written by plumb up at each start; changes are lost.
        set -u
        branch=\(shellQuoted("refs/heads/\(branch)"))
        sync=\(shellQuoted(sync))
        \(environment.sorted { $0.key < $1.key }.map { "export \($0.key)=\(shellQuoted($0.value))\n" }.joined())
        """
    }

    /// Refuses what gitops-sync would refuse, so that the one who pushes learns it at once. It is a courtesy, not the
    /// guard: gitops-sync checks every commit again, because a repository can be written to past its hooks.
    package var preReceive: String {
        head + """
            # git trusts a repository of another user only when told so on the command line or by the environment.
            git() { command git -c safe.directory='*' "$@"; }
            status=0
            while read -r old new ref; do
                [ "$ref" = "$branch" ] || continue
                case $new in
                *[!0]*) ;;
                *)
                    echo "refused: $branch is what Plumbline follows; it cannot be deleted"
                    status=1
                    continue
                    ;;
                esac
                case $old in
                *[!0]*)
                    if ! git merge-base --is-ancestor "$old" "$new"; then
                        echo "refused: this rewrites history (not a fast-forward of $branch);"
                        echo "fetch, rebase onto it and push again"
                        status=1
                        continue
                    fi
                    ;;
                esac
                "$sync" validate --git-dir \(shellQuoted(repository)) --rev "$new" --config \(shellQuoted(syncConfig)) 2>&1 </dev/null
                code=$?
                case $code in
                0) ;;
                1)
                    echo "refused: nothing was changed; mend the lines above, amend the commit and push again"
                    status=1
                    ;;
                *)
                    echo "refused: the commit could not be checked (gitops-sync validate: exit status $code)"
                    status=1
                    ;;
                esac
            done
            exit $status

            """
    }

    /// Asks the running gitops-sync for a run and shows what it plans and does. The push itself has succeeded by now.
    package var postReceive: String {
        head + """
            config=\(shellQuoted(syncConfig))
            while read -r old new ref; do
                [ "$ref" = "$branch" ] || continue
                case $new in *[!0]*) ;; *) continue ;; esac
                "$sync" sync --wait --config "$config" 2>&1 </dev/null ||
                    echo "the commit is in the repository but not live yet; plumb status says what runs"
            done
            exit 0

            """
    }
}

/// `text` as one word of a POSIX shell.
package func shellQuoted(_ text: String) -> String {
    "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#) + "'"
}
