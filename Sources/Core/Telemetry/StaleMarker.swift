extension Double {
    /// The value that says "this series ended here", in memory: the NaN whose payload Prometheus chose
    /// (`value.StaleNaN`). Stores keep a bit instead, because a dump and restore makes every NaN the ordinary one.
    package static let staleMarker = Double(bitPattern: 0x7FF0_0000_0000_0002)

    package var isStaleMarker: Bool { bitPattern == 0x7FF0_0000_0000_0002 }
}
