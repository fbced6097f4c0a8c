import MongoDouble

/// One value of each type that BSON has.
let valueOfEachType: [(String, BSON)] = [
    ("double", .double(4.5)), ("string", "Größe 🙂"), ("document", ["a": ["b": .int32(1)]]),
    ("array", [.int32(1), ["x", .null], ["k": .bool(false)]]), ("binary", .binary(subtype: 0, [0, 1, 254, 255])),
    ("oldBinary", .binary(subtype: 2, [1, 2, 3])), ("uuid", .binary(subtype: 4, Array(0..<16))),
    ("digest", .binary(subtype: 5, [7])), ("undefined", .undefined),
    ("objectID", .objectID(Array(1...12))), ("bool", .bool(true)), ("date", .date(1_763_683_200_123)), ("null", .null),
    ("regex", .regex(pattern: "^a/b", options: "im")), ("dbPointer", .dbPointer("db.c", Array(1...12))),
    ("javascript", .javascript("f()")), ("symbol", .symbol("sym")),
    ("javascriptWithScope", .javascriptWithScope("g(x)", ["x": .int32(3)])), ("int32", .int32(-7)),
    ("timestamp", .timestamp(seconds: 1_700_000_000, increment: 3)), ("int64", .int64(9_007_199_254_740_993)),
    ("decimal128", .decimal128(high: 0x303C_0000_0000_0000, low: 110)), ("minKey", .minKey), ("maxKey", .maxKey),
]
