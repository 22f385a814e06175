#!/usr/bin/env node
// A file of the package and not of the build, so that an installation before the build links it.
import module from 'node:module'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(`holdfast: This is Node ${process.version}; Holdfast needs 22.18 or newer. [E_USAGE]`)
  process.exit(2)
}
module.enableCompileCache()
const { beginHeadStart } = await import('../dist/head-start.js')
const headStart = beginHeadStart({ args: process.argv.slice(2), cwd: process.cwd, environment: process.env })
const { main } = await import('../dist/main.js')
await main(headStart)
