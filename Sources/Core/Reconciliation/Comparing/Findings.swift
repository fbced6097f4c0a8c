import Declarations

/// Differences by their keys.
struct Findings {
    let differences: [Difference]
    private let places: [ResourceKey: Int]

    init(_ differences: [Difference]) {
        self.differences = differences
        var places = [ResourceKey: Int](minimumCapacity: differences.count)
        for place in differences.indices { places[differences[place].key] = place }
        self.places = places
    }

    subscript(key: ResourceKey) -> Difference? { places[key].map { differences[$0] } }
}
