import CLibgit2
import Glibc

/// What keeps a worker small, short and deaf to its surroundings.
enum WorkerLimits {
    /// Asks the kernel to hold this process to its limits.
    static func apply(_ request: WorkerRequest) {
        limit(RLIMIT_CORE, to: 0)
        limit(RLIMIT_AS, to: request.limits.memoryBytes)
        // A pack and its index; beyond it writes fail.
        limit(RLIMIT_FSIZE, to: request.limits.receivedBytes * 2)
        limit(RLIMIT_CPU, to: request.deadlineSeconds * 2)
        // An error of the write is wanted, not a signal.
        signal(SIGXFSZ, SIG_IGN)
        umask(0o077)
        // The last resort, should the daemon stop without a trace while its pipe stays open.
        alarm(UInt32(clamping: request.deadlineSeconds))
    }

    /// Starts libgit2 so that no configuration of this machine or its users changes what it does.
    static func startLibrary(_ request: WorkerRequest) throws(GitError) {
        let folder = StoreFolder(path: request.folder)
        do throws(LibraryFailure) {
            try git(git_libgit2_init())
            // The store and a local remote may belong to another user: what protects users of a work tree from foreign
            // hooks and aliases has no object here, as nothing of a repository is ever run.
            try git(plumbline_git_set_owner_validation(0))
            for level in [GIT_CONFIG_LEVEL_PROGRAMDATA, GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_XDG] {
                try git(unsafe plumbline_git_set_search_path(level.rawValue, ""))
            }
            // libgit2 looks for .ssh/known_hosts here too.
            try git(unsafe plumbline_git_set_search_path(GIT_CONFIG_LEVEL_GLOBAL.rawValue, folder.home))
            try git(unsafe plumbline_git_set_template_path(""))
            try git(unsafe plumbline_git_set_user_agent("plumbline"))
            try git(plumbline_git_set_window_size(32 << 20))
            try git(plumbline_git_set_window_mapped_limit(512 << 20))
            try git(plumbline_git_set_window_file_limit(128))
            try git(plumbline_git_set_cache_max_size(64 << 20))
            try git(plumbline_git_set_pack_max_objects(request.limits.receivedObjects))
            try git(plumbline_git_set_pack_max_object_size(request.limits.objectBytes))
            try git(plumbline_git_enable_fsync(1))
            if let file = request.remote?.authoritiesFile {
                try git(unsafe plumbline_git_set_certificate_authorities(file))
            }
        } catch {
            throw GitError(.configuration, operation: "starting libgit2", message: error.text)
        }
    }

    private static func limit(_ resource: __rlimit_resource, to value: Int) {
        var bounds = rlimit(rlim_cur: rlim_t(value), rlim_max: rlim_t(value))
        unsafe setrlimit(__rlimit_resource_t(resource.rawValue), &bounds)
    }
}
