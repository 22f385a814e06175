import { Buffer } from 'node:buffer'
import { closeSync, openSync, readSync } from 'node:fs'
import { simulatedLibrary } from '@holdfast/protocol-iscsi/testing'
import { describe, expect, it } from 'vitest'
import { tapeLibrary } from '../../src/library/tape-library.js'
import { onDevice } from '../../src/linux/device-errors.js'
import { openLinuxLibrary } from '../../src/linux/open-linux-library.js'
import { loadSystemCalls } from '../../src/linux/system-calls.js'
import { call, numbered } from '../drive-table.js'
import { memoryClaims } from '../support/memory-claims.js'
import { failure } from './open-file.js'
import { kernelOf } from './sites.js'

function machine() {
  const cartridges = ['T1', 'T2'].map((barcode) => ({ barcode, sizeBytes: 4 * 2 ** 20 }))
  const simulated = simulatedLibrary({ drives: 2, slots: 4, cartridges, readyAfterCommands: 0 })
  return { simulated, kernel: kernelOf(simulated) }
}

describe('a library of this machine', () => {
  it('writes to a drive of each driver, and closes all devices', async () => {
    const { simulated, kernel } = machine()
    const devices = { changer: '/dev/sg0', drives: ['/dev/sg1', '/dev/nst1'] }
    const { changer, drives, close } = await openLinuxLibrary(devices, call, kernel)
    const library = tapeLibrary(changer, drives, { claims: memoryClaims(), patienceMs: 1000 })
    {
      await using first = await library.mount('T1', call)
      await using second = await library.mount('T2', call)
      expect([first.drive.name, second.drive.name]).toEqual(['/dev/sg1', '/dev/nst1'])
      for (const { drive } of [first, second]) {
        await drive.write(numbered(0, 0), call)
        await drive.endFile(call)
      }
    }
    await library.putBack(1, call)
    await close()
    expect(kernel.openFiles()).toBe(0)
    for (const barcode of ['T1', 'T2']) {
      expect(simulated.cartridge(barcode).objects).toEqual([numbered(0, 0), 'filemark'])
    }
    expect(simulated.cartridge('T2').address).toBe(1025)
  })

  it.each([
    ['no such device', { changer: '/dev/sg9', drives: [] }, 'E_TARGET_UNAVAILABLE', /lsscsi/],
    ['a disk', { changer: '/dev/sda', drives: [] }, 'E_CONFIG', /lsscsi/],
    ['a drive in place of the changer', { changer: '/dev/sg1', drives: [] }, 'E_CONFIG', /by-id/],
    ['the changer in place of a drive', { changer: '/dev/sg0', drives: ['/dev/sg0'] }, 'E_REPOSITORY_BUSY', /Another/],
    ['a drive that rewinds', { changer: '/dev/sg0', drives: ['/dev/nst0', '/dev/st1'] }, 'E_CONFIG', /nst0/],
    ['st in place of the changer', { changer: '/dev/nst0', drives: [] }, 'E_CONFIG', /by-id/],
  ])('refuses %s, and leaves nothing open', async (_, devices, code, hint) => {
    const { kernel } = machine()
    const opening = openLinuxLibrary(devices, call, kernel)
    await expect(opening).rejects.toMatchObject({ code, hint: expect.stringMatching(hint) })
    expect(kernel.openFiles()).toBe(0)
  })

  it('says what permission is missing', async () => {
    const { kernel } = machine()
    const denied = { ...kernel, open: () => Promise.reject(failure('EACCES')) }
    const opening = openLinuxLibrary({ changer: '/dev/sg0', drives: [] }, call, denied)
    await expect(opening).rejects.toMatchObject({ code: 'E_TARGET_DENIED', hint: expect.stringContaining('tape') })
  })
})

describe('the system calls of this machine', () => {
  it('tell that a file is no device of a tape library', async () => {
    const calls = await loadSystemCalls()
    expect(await calls.deviceNumber('/dev/null')).toEqual({ major: 1, minor: 3 })
    expect(await calls.deviceNumber('/tmp')).toBeUndefined()
    const opening = openLinuxLibrary({ changer: '/dev/null', drives: [] }, call)
    await expect(opening).rejects.toMatchObject({ code: 'E_CONFIG', context: { device: '/dev/null' } })
    await expect(openLinuxLibrary({ changer: '/dev/no-such-sg', drives: [] }, call)).rejects.toMatchObject({
      code: 'E_TARGET_UNAVAILABLE',
    })
  })

  it('give the error of an ioctl', async () => {
    const calls = await loadSystemCalls()
    const fd = openSync('/dev/null', 'r+')
    try {
      const asking = onDevice('/dev/null', 'tell', () => calls.ioctl(fd, 0x80306d02, new Uint8Array(48)))
      await expect(asking).rejects.toMatchObject({ code: 'E_CONFIG', cause: { code: 'ENOTTY', errno: -25 } })
      await expect(asking).rejects.toThrow('/dev/null cannot tell: ENOTTY, ioctl.')
    } finally {
      closeSync(fd)
    }
  })

  it('read and write once, and wait until there is something to read', async () => {
    const calls = await loadSystemCalls()
    const fd = await calls.open('/dev/zero', 2)
    await calls.readable(fd)
    const into = new Uint8Array(5).fill(1)
    expect(await calls.read(fd, into)).toBe(5)
    expect(into).toEqual(new Uint8Array(5))
    expect(await calls.write(fd, into)).toBe(5)
    await calls.close(fd)
    await expect(calls.read(fd, into)).rejects.toMatchObject({ code: 'EBADF' })
  })

  it('know where memory is', async () => {
    const calls = await loadSystemCalls()
    const memory = new ArrayBuffer(1000)
    new Uint8Array(memory).set(Buffer.from('here it is'), 100)
    const fd = openSync('/proc/self/mem', 'r')
    try {
      const found = new Uint8Array(10)
      readSync(fd, found, 0, found.length, calls.addressOf(memory) + 100n)
      expect(Buffer.from(found).toString()).toBe('here it is')
    } finally {
      closeSync(fd)
    }
  })
})
