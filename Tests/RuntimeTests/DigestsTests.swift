import Declarations
import Runtime
import Testing

@Suite struct DigestsTests {
    @Test func sha256IsTheStandards() {
        // FIPS 180-2, appendix B.1
        #expect(
            hexadecimal(Digests.sha256(Array("abc".utf8)))
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }

    @Test func hmacIsTheStandards() {
        // RFC 4231, test case 2
        #expect(
            hexadecimal(Digests.hmacSHA256("what do ya want for nothing?".utf8, key: "Jefe".utf8))
                == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    }

    @Test func comparisonSeesEveryDifference() {
        #expect(Digests.areEqual([1, 2, 3], [1, 2, 3]))
        #expect(!Digests.areEqual([1, 2, 3], [1, 2, 4]))
        #expect(!Digests.areEqual([1, 2, 3], [1, 2]))
    }
}
