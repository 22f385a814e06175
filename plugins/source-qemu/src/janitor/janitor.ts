import { readdir, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { connectQmp, isQmpError } from '@holdfast/protocol-qmp'
import { isRunning, ownerOf } from '../monitor/owner.js'
import { cleanUp } from '../snapshot/clean-up.js'

// A process of its own, started beside a capture or a booted machine. When Holdfast dies without a farewell, this one's pipe
// ends: then it lets the guest go on and takes out of QEMU what was put there, or ends the machine that was to live a moment.

const [task = '', subject = '', owner = '', ...starts] = process.argv.slice(2)
const patienceMs = 120_000

const subjectOwner = task === 'kill' ? ownerOf(Number(subject)) : undefined
let farewell = ''
process.stdin.setEncoding('latin1')
for await (const text of process.stdin) farewell += text
if (!farewell.includes('done')) {
  if (task === 'kill') end()
  else await tidyUp()
}

function end(): void {
  // Its number may be another's by now.
  if (subjectOwner !== undefined && isRunning(subjectOwner)) process.kill(Number(subject), 'SIGKILL')
}

async function tidyUp(): Promise<void> {
  const lastTry = Date.now() + patienceMs
  while (!(await isTidied()) && Date.now() < lastTry) await delay(250)
  for (const start of starts) await removeFiles(start)
}

async function isTidied(): Promise<boolean> {
  try {
    await using session = await connectQmp({ path: subject }, { timeoutMs: 5000, commandTimeoutMs: 30_000 })
    await cleanUp(session, (found) => found === owner)
    return true
  } catch (error) {
    // QEMU itself has ended: then there is nothing to tidy.
    return isQmpError(error) && error.code === 'connect'
  }
}

/** What QEMU made a file for, it may not have come to use. */
async function removeFiles(start: string): Promise<void> {
  const folder = dirname(start)
  const names = await readdir(folder).catch(() => [])
  for (const name of names.filter((each) => each.startsWith(basename(start))))
    await rm(join(folder, name), { recursive: true, force: true }).catch(() => undefined)
}
