#!/usr/bin/env node
// A file of the package and not of the build, so that an installation before the build links it.
import module from 'node:module'
import v8 from 'node:v8'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(`holdfast: This is Node ${process.version}; Holdfast needs 22.18 or newer. [E_USAGE]`)
  process.exit(2)
}
module.enableCompileCache()
// What lives long here lies in shared memory; a young generation that grows to 64 MiB would hold garbage only.
v8.setFlagsFromString('--semi-space-growth-factor=1')
const { beginHeadStart } = await import('../dist/head-start.js')
const headStart = beginHeadStart({ args: process.argv.slice(2), cwd: process.cwd, environment: process.env })
const { main } = await import('../dist/main.js')
await main(headStart)
