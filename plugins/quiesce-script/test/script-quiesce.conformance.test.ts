import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { MachineId } from '@holdfast/core'
import { scriptQuiesce } from '@holdfast/quiesce-script'
import { describeQuiesce } from '@holdfast/testkit/vitest'

describeQuiesce('quiesce-script', ({ tempFolder }) => {
  const at = (name: string) => join(tempFolder, name)
  const flag = (name: string) => (on: boolean) => (on ? writeFile(at(name), '') : rm(at(name)))
  const freeze = 'touch frozen; [ ! -e fail ] || exit 1; [ ! -e stall ] || sleep 1000'
  return {
    create: () => scriptQuiesce({ freeze: ['sh', '-c', freeze], thaw: ['rm', '-f', 'frozen'], cwd: tempFolder }),
    machine: { id: 'vm-1' as MachineId, name: 'database' },
    observe: async () => (existsSync(at('frozen')) ? 'frozen' : 'thawed'),
    failFreeze: flag('fail'),
    stallFreeze: flag('stall'),
  }
})
