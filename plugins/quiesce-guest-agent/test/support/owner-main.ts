// A run that freezes and is killed: node owner-main.ts SOCKET MAX-FREEZE. It says when the guest is frozen.
import { tmpdir } from 'node:os'
import type { MachineRef } from '@holdfast/core'
import { guestAgentQuiesce } from '@holdfast/quiesce-guest-agent'
import { testContext } from '@holdfast/testkit'

const [socket = '', maxFreeze = ''] = process.argv.slice(2)
const signal = new AbortController().signal
const hook = guestAgentQuiesce({ sockets: { db: socket }, maxFreeze, timeout: '5s' })
const session = await hook.open(testContext({ tempDir: tmpdir() }))
const { detail } = await session.freeze({ id: 'id-1' as MachineRef['id'], name: 'db' }, { signal })
process.stdout.write(`${detail}\n`)
setInterval(() => undefined, 1000)
