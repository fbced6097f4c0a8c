import Declarations
import Reconciliation

/// The text of states that are written one after the other. An inventory of ten thousand seldom changes, and is made into
/// text only where it did.
package struct StateText {
    private var last: (inventory: Inventory, text: [UInt8])?

    package init() {}

    /// The JSON of `state`.
    package mutating func callAsFunction(_ state: SyncState) -> [UInt8] {
        let inventory: [UInt8]
        // An unchanged one is the same dictionary, which costs nothing to find out.
        if let last, last.inventory == state.inventory {
            inventory = last.text
        } else {
            inventory = state.inventory.json.canonical
            last = (state.inventory, inventory)
        }
        let rest: [UInt8] = JSONValue.object(state.membersBesideInventory).canonical
        var text: [UInt8] = []
        text.reserveCapacity(inventory.count + rest.count + 16)
        text += "{\"inventory\":".utf8
        text += inventory
        text.append(UInt8(ascii: ","))
        text += rest.dropFirst()
        return text
    }
}
