import Glibc

/// How many files this process may have open.
package enum DescriptorLimit {
    /// Asks for as many as the system lets the process have, and answers how many it may have. systemd starts programs
    /// with 1,024 for the sake of old ones that call `select`; none of ours does.
    package static func raise() -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
        if limit.rlim_cur < limit.rlim_max {
            var wanted: rlimit = limit
            wanted.rlim_cur = min(limit.rlim_max, most)
            if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &wanted) == 0 { limit = wanted }
        }
        return Int(min(limit.rlim_cur, most))
    }

    private static let most: rlim_t = 16_384
}
