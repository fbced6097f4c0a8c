import Declarations
import Reconciliation
import Testing

@Suite struct DeclaredStateTests {
    @Test func resourcesAreInTheOrderOfTheirKeysAndKnownByKind() {
        let keys: [ResourceKey] = [
            ResourceKey(.unit, "b"), ResourceKey(.alertRule, "z"), ResourceKey(.unit, "a"),
            ResourceKey(.hostGroup, "m"),
            ResourceKey(.alertRule, "a"),
        ]
        let declared = DeclaredState(revision: "c1", resources: keys.map { declaration($0, [:]) })
        #expect(declared.ordered.map(\.key) == keys.sorted())
        for kind in ResourceKind.allCases {
            #expect(declared.declarations(of: kind).map(\.key) == keys.filter { $0.kind == kind }.sorted(), "\(kind)")
        }
    }
}
