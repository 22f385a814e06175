import { setTimeout as delay } from 'node:timers/promises'
import { connectGuestAgent, isQmpError } from '@holdfast/protocol-qmp'

// Waits until the guest is up: until the agent behind a socket answers.
const [path = ''] = process.argv.slice(2)
for (;;) {
  try {
    await using agent = await connectGuestAgent({ path }, { timeoutMs: 2000 })
    console.log(`the guest is up, its agent is ${(await agent.info()).version}`)
    break
  } catch (error) {
    if (!isQmpError(error)) throw error
    await delay(500)
  }
}
