import { describe, expect, it } from 'vitest'
import { ownOwner } from '../src/monitor/owner.js'
import { ownedName, readOwnedName, roles } from '../src/snapshot/names.js'

describe('names of what is put into QEMU', () => {
  it.each([...roles, 'paused', 'server'] as const)('tell whose %s it is, and are short enough', (role) => {
    const owner = ownOwner()
    expect(readOwnedName(ownedName(owner, role, 12))).toEqual({ owner, role, disk: 12 })
    expect(ownedName('4194304-zzzzzz', role, 99).length).toBeLessThanOrEqual(31)
  })

  it.each(['hf-1-1-other-0', 'disk-0', 'hf-1-1-target-', 'xhf-1-1-copy-0', 'hf-1-1-copy-0x'])(
    'of others: %s',
    (name) => {
      expect(readOwnedName(name)).toBeUndefined()
    },
  )
})
