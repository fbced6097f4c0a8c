import Operator

await Plumb.runMain()
