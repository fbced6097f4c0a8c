/// A resource's spec as a typed value, with its defaults filled in.
package enum Spec: Hashable, Sendable {
    case hostGroup(HostGroupSpec)
    case notifier(NotifierSpec)
    case retention(RetentionSpec)
    case alertRule(AlertRuleSpec)
    case collector(CollectorSpec)
}
