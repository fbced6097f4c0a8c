import ConfigAPI
import Declarations

/// Refuses to take over a resource in another form than the live one without permission, and one that another git
/// source owns in any case.
///
/// - Parameter isAllowed: whether a commit allows the former for resources of a kind.
func adoptionRefusals(_ differences: [Difference], isAllowed: (ResourceKind) -> Bool) -> [Refusal] {
    let contested: [Refusal] = differences.filter { $0.finding == .contested }.map { difference in
        Refusal(
            guardName: .contested,
            message: "\(difference.key) is owned by the git source \"\(difference.live?.owner ?? "")\"; "
                + "remove it from one of the two repositories",
            resources: [difference.key])
    }
    let differing = differences.filter { difference in
        difference.finding == .adopt && difference.isContentDifferent && difference.declared?.annotations.adopts != true
            && !isAllowed(difference.key.kind)
    }
    return contested
        + differing.map { difference in
            Refusal(
                guardName: .adopt,
                message: "\(difference.key) exists in another form, owned by "
                    + "\"\(difference.live?.owner ?? "")\". To take it over, commit with the trailer "
                    + "\"Plumbline-Allow: adopt\" or annotate the manifest with plumbline/adopt: \"true\"",
                resources: [difference.key])
        }
}
