import UnitHelper

await UnitHelperProgram.main()
