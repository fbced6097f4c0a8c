package import Declarations
package import Telemetry

/// What people ordered on the machine of gitops-sync about enforcing: to stop for a while, to hold one commit, to leave
/// one resource as somebody made it. Kept beside the state and on the server; of two copies the later one counts.
package struct Enforcement: Hashable, Sendable, JSONCodable {
    /// Grows with every order.
    package internal(set) var serial: Int
    /// Nothing is written while it is there.
    package internal(set) var suspension: Suspension?
    /// This commit is held, whatever the branch has.
    package internal(set) var pin: Pin?
    /// By resource; those that ended are still there until the next order.
    package internal(set) var tolerations: [Toleration]

    /// Nobody ordered anything.
    package static let plain = Enforcement(serial: 0, suspension: nil, pin: nil, tolerations: [])

    /// A change during an incident needs no longer; what is to stay belongs into git.
    package static let longestToleration = PromDuration.hours(24)

    package struct Suspension: Hashable, Sendable {
        /// The user on this machine who said so.
        package var by: String
        package var at: Timestamp
        package var reason: String?
    }

    package struct Pin: Hashable, Sendable {
        package var commit: String
        /// What going to this commit may do although a guard would refuse it.
        package var permissions: Set<Permission>
        package var by: String
        package var at: Timestamp
        package var reason: String?
    }

    package struct Toleration: Hashable, Sendable {
        package var resource: ResourceKey
        package var by: String
        package var at: Timestamp
        package var until: Timestamp
        package var reason: String
    }

    private init(serial: Int, suspension: Suspension?, pin: Pin?, tolerations: [Toleration]) {
        self.serial = serial
        self.suspension = suspension
        self.pin = pin
        self.tolerations = tolerations
    }

    /// The tolerations that last.
    package func active(at now: Timestamp) -> [Toleration] { tolerations.filter { $0.until > now } }

    package func tolerated(at now: Timestamp) -> Set<ResourceKey> { Set(active(at: now).map(\.resource)) }

    /// What of it has an effect; nil where nothing has.
    package func present(at now: Timestamp) -> Enforcement? {
        var present: Enforcement = self
        present.tolerations = active(at: now)
        return suspension == nil && pin == nil && present.tolerations.isEmpty ? nil : present
    }

    /// What holds after an order of `who`. Throws where the order makes no sense as things stand.
    package func after(
        _ order: EnforcementOrder, by who: String, at now: Timestamp
    ) throws(OrderProblem) -> Enforcement {
        var next: Enforcement = self
        next.serial += 1
        next.tolerations = active(at: now)
        switch order {
        case .suspend(let reason): next.suspension = Suspension(by: who, at: now, reason: reason)
        case .resume:
            guard suspension != nil else { throw OrderProblem("enforcement is not suspended") }
            next.suspension = nil
        case .pin(let commit, let permissions, let reason):
            next.pin = Pin(commit: commit, permissions: permissions, by: who, at: now, reason: reason)
        case .unpin:
            guard pin != nil else { throw OrderProblem("no commit is pinned") }
            next.pin = nil
        case .tolerate(let resource, let span, let reason):
            guard span > .zero, span <= Self.longestToleration else {
                throw OrderProblem(
                    "a toleration lasts more than 0s and at most \(Self.longestToleration), not \(span); a change that "
                        + "is to stay longer belongs into git")
            }
            guard !reason.isEmpty else { throw OrderProblem("a toleration needs a reason") }
            next.tolerations.removeAll { $0.resource == resource }
            next.tolerations.append(
                Toleration(resource: resource, by: who, at: now, until: now + span, reason: reason))
            next.tolerations.sort { $0.resource < $1.resource }
        case .endToleration(let resource):
            guard next.tolerations.contains(where: { $0.resource == resource }) else {
                throw OrderProblem("\(resource) is not tolerated\(next.tolerationList)")
            }
            next.tolerations.removeAll { $0.resource == resource }
        }
        return next
    }

    private var tolerationList: String {
        tolerations.isEmpty ? "" : "; tolerated: \(tolerations.map(\.resource.description).joined(separator: ", "))"
    }
}

/// Why an order cannot be carried out, in words for a person.
package struct OrderProblem: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String

    init(_ description: String) { self.description = description }
}

/// Something that a person orders.
package enum EnforcementOrder: Hashable, Sendable {
    case suspend(reason: String?)
    case resume
    /// The full id of a commit.
    case pin(commit: String, permissions: Set<Permission>, reason: String?)
    case unpin
    case tolerate(ResourceKey, span: PromDuration, reason: String)
    case endToleration(ResourceKey)
}
