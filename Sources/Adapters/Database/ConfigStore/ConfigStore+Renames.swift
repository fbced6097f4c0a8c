import Declarations
import Reconciliation

extension ConfigStore {
    /// Lets the alerts of renamed rules keep their state, in the transaction that renames them: what fires goes on
    /// firing under the new name, and nobody is told that it ended.
    ///
    /// Comes after the deletion of the old rules: from there on ``AlertStore/save(_:under:)`` writes nothing of them.
    func moveAlerts(
        _ changes: [PatchChecker.Change], from before: [ResourceKey: DecodedResource],
        _ connection: isolated PostgresConnection
    ) throws(DatabaseError) {
        let rules: [PatchChecker.Change] = changes.filter { $0.key.kind == .alertRule }
        let deleted: [NamedSpec] = rules.filter { $0.put == nil }.compactMap { change in
            before[change.key].map { NamedSpec(change.key, $0.resource.spec) }
        }
        let created: [NamedSpec] = rules.filter { before[$0.key] == nil }.compactMap { change in
            change.put.map { NamedSpec(change.key, $0.resource.resource.spec) }
        }
        for (old, new) in renames(deleted: deleted, created: created) {
            // Where alerts of an earlier rule of the new name still wait for their resolution, both are resolved.
            _ = try connection.execute(
                """
                UPDATE plumbline.alerts SET rule = $2
                WHERE rule = $1 AND NOT EXISTS (SELECT FROM plumbline.alerts WHERE rule = $2)
                """, [.text(old.name), .text(new.name)])
        }
    }
}
