import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { connectIscsi, type IscsiSession } from '@holdfast/protocol-iscsi'
import { skipsWithout, startTgtd, type TgtdLibrary } from 'holdfast-lab'
import { describe, expect, it, vi } from 'vitest'

const chap = { name: 'backup', secret: 'secret12chars', mutual: { name: 'library', secret: 'other-secret12' } }

async function open(library: TgtdLibrary): Promise<IscsiSession> {
  const { host, port, target } = library
  return await connectIscsi({ host, port, target, chap })
}

/** Counts the elements of a type, and those that are full. READ ELEMENT STATUS: SMC-3, 6.11. */
async function elements(session: IscsiSession, changerLun: number, type: number) {
  const dataIn = new Uint8Array(4096)
  const cdb = Uint8Array.of(0xb8, type, 0, 0, 0xff, 0xff, 0, 0, 0x10, 0, 0, 0)
  const changer = session.device(changerLun)
  for (let tries = 0; tries < 3; tries++) {
    const { status, dataInBytes } = await changer.execute({ cdb, dataIn })
    if (status !== 0) continue
    const view = new DataView(dataIn.buffer)
    const count = view.getUint16(2)
    const descriptorBytes = view.getUint16(10)
    const starts = Array.from({ length: count }, (_, index) => 16 + index * descriptorBytes)
    return { count, full: starts.filter((at) => at < dataInBytes && (dataIn[at + 2]! & 1) === 1).length }
  }
  throw new Error('The changer does not tell its elements')
}

describe.skipIf(skipsWithout('tgt'))('a tape library', () => {
  it('has the drives, the slots and the cartridges that were asked for', async () => {
    await using library = await startTgtd({
      cartridges: [{ sizeMib: 4 }, { sizeMib: 8, barcode: 'ABC123L5' }, { sizeMib: 2 }],
      drives: 3,
      slots: 9,
      mailSlots: 2,
      chap,
      parameters: { MaxRecvDataSegmentLength: 65_536 },
    })
    expect(library.barcodes).toEqual(['TAPE0001', 'ABC123L5', 'TAPE0003'])
    expect(existsSync(join(library.mediaFolder, 'ABC123L5'))).toBe(true)
    await using session = await open(library)
    expect(session.parameters.sendSegmentBytes).toBe(65_536)
    expect(await session.reportLuns()).toEqual([0, 1, 2, 3, 4])
    expect(library).toMatchObject({ driveLuns: [1, 2, 3], changerLun: 4 })
    expect(await elements(session, 4, 2)).toEqual({ count: 9, full: 3 })
    expect(await elements(session, 4, 3)).toEqual({ count: 2, full: 0 })
    expect(await elements(session, 4, 4)).toEqual({ count: 3, full: 0 })
  })

  it('runs beside others, is killed and starts again at the same port', async () => {
    const options = { cartridges: [{ sizeMib: 2 }], chap }
    const libraries = await Promise.all([1, 2, 3].map(async () => await startTgtd(options)))
    const [first, second, third] = libraries as [TgtdLibrary, TgtdLibrary, TgtdLibrary]
    expect(new Set(libraries.map(({ port }) => port)).size).toBe(3)
    const before = second.pid()
    await second.kill('SIGKILL')
    expect(() => process.kill(before, 0)).toThrow('ESRCH')
    await expect(open(second)).rejects.toThrow('cannot be reached')
    for (const other of [first, third]) await (await open(other))[Symbol.asyncDispose]()
    const { port } = second
    await second.restart()
    expect(second.port).toBe(port)
    expect(second.pid()).not.toBe(before)
    await (await open(second))[Symbol.asyncDispose]()
    for (const library of libraries) await library.stop()
    for (const { mediaFolder } of libraries) expect(existsSync(mediaFolder)).toBe(false)
    expect(() => process.kill(second.pid(), 0)).toThrow('ESRCH')
  })

  it('ends with the process that started it, even when that is killed', async () => {
    const program = `
      import { startTgtd } from 'holdfast-lab'
      const library = await startTgtd({ cartridges: [{ sizeMib: 1 }] })
      console.log(JSON.stringify({ pid: library.pid(), mediaFolder: library.mediaFolder }))
      setInterval(() => {}, 1000)`
    const owner = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      cwd: import.meta.dirname,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = await once(owner.stdout, 'data')
    const { pid, mediaFolder } = JSON.parse(String(line))
    process.kill(pid, 0)
    owner.kill('SIGKILL')
    await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'), 10_000)
    rmSync(dirname(mediaFolder), { recursive: true })
  })

  it('that cannot be says why, and leaves nothing behind', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hf-'))
    vi.stubEnv('TMPDIR', folder)
    try {
      const long = 'X'.repeat(128 - folder.length)
      await expect(startTgtd({ cartridges: [{ sizeMib: 1, barcode: long }] })).rejects.toThrow('too long for tgtd')
      await expect(startTgtd({ cartridges: [], parameters: { NoSuchThing: 1 } })).rejects.toThrow('NoSuchThing')
      expect(readdirSync(folder)).toEqual([])
    } finally {
      vi.unstubAllEnvs()
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
