import Declarations
import SystemdUnits
import Testing

@Suite struct UnitOperationTests {
    @Test(
        arguments: [
            .settings(unit: "a.timer", [.onCalendar: "daily"]), .settings(unit: "a.service", [:]), .reload,
            .change(.restart, unit: "a.service"),
        ] as [UnitOperation])
    func whatIsSentIsReadAsTheSame(_ operation: UnitOperation) throws {
        #expect(try UnitOperation(parsing: operation.json.canonical) == operation)
    }

    @Test(arguments: [
        #"{"operation":"exec","unit":"a.service"}"#, #"{"operation":"start"}"#, #"{"operation":"start","unit":7}"#,
        #"{"operation":"settings","unit":"a.service","settings":{"ExecStart":"/bin/sh"}}"#,
        #"{"operation":"settings","unit":"a.service","settings":{"OnCalendar":"daily"}}"#,
        #"{"operation":"settings","unit":"a.timer","settings":{"OnCalendar":"daily\nx"}}"#,
        #"{"operation":"settings","unit":"../a.service","settings":{"Nice":1}}"#, "[]", "",
    ])
    func whatIsNotOnTheListIsNoRequest(_ text: String) {
        #expect(throws: JSONFormError.self) { try UnitOperation(parsing: Array(text.utf8)) }
    }

    @Test func theHelpersOwnUnitsAreNeverAllowed() {
        let list = UnitAllowList(["*"])
        #expect(list.allows("ssh.service"))
        #expect(!list.allows("plumb-unit-helper.socket"))
        #expect(!list.allows("plumb-unit-helper@.service"))
        #expect(UnitAllowList.standard.allows("plumb-server.service"))
        #expect(UnitAllowList.standard.allows("gitops-sync.timer"))
        #expect(!UnitAllowList.standard.allows("ssh.service"))
    }

    @Test func aListIsPartedByCommasBlanksAndLines() {
        #expect(
            UnitAllowList(parsing: "a-*, b.service # c\n# d\n e.timer").patterns == ["a-*", "b.service", "e.timer"])
    }
}
