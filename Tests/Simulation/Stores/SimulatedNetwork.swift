/// A place that daemons speak to.
enum Component: String, CaseIterable, Hashable, Sendable { case git, server, proxy }

/// What a request came to, as the one who sent it sees it.
enum NetworkOutcome<Reply: Sendable>: Sendable {
    case answered(Reply)
    /// Nobody listens there.
    case refused
    /// The answer broke off: what was asked for may have been done.
    case broken
    case timedOut
    /// The sender is no more.
    case dead
}

/// Carries requests and replies, late, not at all, or when nobody waits for them any more.
final class SimulatedNetwork {
    struct Link: Hashable {
        var daemon: Int
        var component: Component
    }

    enum Condition: Hashable, Sendable {
        /// Nothing arrives in either direction, and nobody is told.
        case silent
        /// Requests arrive, replies do not.
        case deaf
        /// Connections are refused.
        case refusing
        /// Requests may arrive long after their sender has given up.
        case slow
        /// Replies break off.
        case breaking
    }

    unowned let world: World
    private var conditions: [Link: Condition] = [:]
    private var away: Set<Component> = []

    init(world: World) { self.world = world }

    func set(_ condition: Condition?, on link: Link) { conditions[link] = condition }
    func set(_ component: Component, isAway: Bool) {
        if isAway { away.insert(component) } else { away.remove(component) }
    }
    func heal() {
        conditions = [:]
        away = []
    }
    func isAway(_ component: Component) -> Bool { away.contains(component) }
    func isReachable(_ link: Link) -> Bool { conditions[link] == nil && !away.contains(link.component) }

    /// Sends a request; `handle` is what the other side does when it arrives.
    func exchange<Reply: Sendable>(
        _ sender: Incarnation, _ component: Component, _ title: String, timeout: Duration,
        _ handle: @escaping () -> Reply
    ) async -> NetworkOutcome<Reply> {
        let promise = Promise<NetworkOutcome<Reply>>()
        let link = Link(daemon: sender.daemon, component: component)
        let timer = world.timeline.after(timeout) { promise.keep(.timedOut) }
        let condition: Condition? = conditions[link]
        if condition == .refusing || away.contains(component) {
            world.timeline.after(.milliseconds(1)) { promise.keep(.refused) }
        } else if condition != .silent {
            world.timeline.after(delay(condition)) { [self] in
                guard !away.contains(component) else { return promise.keep(.refused) }
                world.trace("\(title) from \(sender.daemon) arrives at \(component)")
                let reply: Reply = handle()
                deliver(reply, condition, link, promise)
            }
        }
        let outcome: NetworkOutcome<Reply>? = await sender.value(of: promise)
        world.timeline.cancel(timer)
        return outcome ?? .dead
    }

    private func deliver<Reply: Sendable>(
        _ reply: Reply, _ condition: Condition?, _ link: Link, _ promise: Promise<NetworkOutcome<Reply>>
    ) {
        let now: Condition? = conditions[link]
        guard now != .silent, now != .deaf else { return }
        world.timeline.after(delay(nil)) { promise.keep(now == .breaking ? .broken : .answered(reply)) }
    }

    private func delay(_ condition: Condition?) -> Duration {
        guard condition == .slow else { return world.random.milliseconds(1...20) }
        return world.random.chance(50) ? world.random.milliseconds(20...2000) : world.random.milliseconds(2000...60_000)
    }
}
