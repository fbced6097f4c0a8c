import AgentDaemon

await AgentProgram.main()
