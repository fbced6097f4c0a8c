import PageBuilder

await PageProgram.runMain()
